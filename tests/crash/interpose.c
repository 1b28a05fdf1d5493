/* Stands between a program and the C library (LD_PRELOAD) and counts every call that leaves a trace outside the process:
 * a change to a regular file, a sync, something sent to a socket. Once armed it strikes at the call it was given.
 *
 * A mapped page is shared with every process forked after `crash_page` was called, so the counts outlive the killed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { COUNT, KILL_BEFORE, KILL_AFTER, TORN, SYNC_FAILS, DISK_FULL, READ_ONLY, TERM };
enum kind { DISK, SYNC, NETWORK };

#define CALL_NAME 24
#define PATH_ROOM 4096
#define LOG_ROOM (48L << 20)

struct page {
    long points, disk, syncs, network; /* how many so far */
    long struck;                       /* 1 once the armed call came */
    char call[CALL_NAME];              /* the call that was struck */
    long logged;                       /* bytes of log in use; -1: it did not fit */
    char log[LOG_ROOM];
};

static struct page *page;
static int armed, mode, logging, broken;
static long target;

struct page *crash_page(void)
{
    if (!page) {
        page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            page = NULL;
    }
    return page;
}

long crash_log_offset(void) { return (long)__builtin_offsetof(struct page, log); }

void crash_arm(int how, long at, int with_log)
{
    mode = how, target = at, logging = with_log, broken = 0;
    page->points = page->disk = page->syncs = page->network = page->struck = page->logged = 0;
    page->call[0] = 0;
    armed = page != NULL;
}

void crash_disarm(void) { armed = 0; }

#define REAL(name)                                                                                                     \
    static __typeof__(name) *real;                                                                                     \
    if (!real)                                                                                                         \
    real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* What kind of thing a descriptor is; -1 for what does not matter: pipes, terminals, the standard streams. */
static int kind_of(int fd)
{
    struct stat found;
    int before = errno;
    if (fd <= 2 || fstat(fd, &found) != 0) {
        errno = before;
        return -1;
    }
    return S_ISREG(found.st_mode) ? DISK : S_ISSOCK(found.st_mode) ? NETWORK : -1;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Count one call. The errno with which it fails, 0 when it goes on, -1 when it goes on and the process then dies. */
static int strike(enum kind kind, const char *call, int frees)
{
    long number = ++page->points;
    long own = kind == DISK ? ++page->disk : kind == SYNC ? ++page->syncs : ++page->network;
    int hit = mode == SYNC_FAILS ? kind == SYNC && own == target
              : mode == DISK_FULL || mode == READ_ONLY ? kind == DISK && own >= target
                                                       : number == target;
    if (!hit)
        return 0;
    if (!page->struck)
        snprintf(page->call, CALL_NAME, "%s", call);
    page->struck = 1;
    switch (mode) {
    case KILL_BEFORE: die(); return 0;
    case KILL_AFTER:
    case TORN: return -1;
    case SYNC_FAILS: return EIO;
    case DISK_FULL: return frees ? 0 : ENOSPC; /* what only frees room goes on */
    case READ_ONLY: return EROFS;
    case TERM: kill(getpid(), SIGTERM); return 0;
    default: return 0;
    }
}

/* The log: kind; length of the path, offset, length, number of the point; path, bytes. Only what was carried out. */
static void note(char what, const char *path, long offset, const void *bytes, long length)
{
    long named = (long)strlen(path);
    long need = 1 + 4 * (long)sizeof(long) + named + (bytes ? length : 0);
    if (!logging || page->logged < 0)
        return;
    if (page->logged + need > LOG_ROOM) {
        page->logged = -1;
        return;
    }
    char *at = page->log + page->logged;
    long head[4] = {named, offset, length, page->points};
    *at++ = what;
    memcpy(at, head, sizeof head), at += sizeof head;
    memcpy(at, path, (size_t)named), at += named;
    if (bytes)
        memcpy(at, bytes, (size_t)length);
    page->logged += need;
}

static void note_fd(char what, int fd, long offset, const void *bytes, long length)
{
    char link[64], path[PATH_ROOM];
    int before = errno;
    if (!logging)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t named = readlink(link, path, sizeof path - 1);
    if (named > 0) {
        path[named] = 0;
        note(what, path, offset, bytes, length);
    }
    errno = before;
}

/* Full paths, as /proc tells them for descriptors; those that the product uses are absolute already. */
static void note_path(char what, const char *path) { note(what, path, 0, NULL, 0); }

/* The method of a request when it begins here, else what follows it: so a log tells reads from writes. */
static const char *call_of(const void *bytes, size_t length)
{
    static char words[64];
    size_t room = length < sizeof words - 1 ? length : sizeof words - 1;
    memcpy(words, bytes, room);
    words[room] = 0;
    words[strcspn(words, "?\r\n")] = 0;
    return words;
}

#define FAIL_IF(struck)                                                                                                \
    if ((struck) > 0) {                                                                                                \
        errno = (struck);                                                                                              \
        return -1;                                                                                                     \
    }
#define DIE_IF(struck)                                                                                                 \
    if ((struck) < 0)                                                                                                  \
    die()

/* Half of it, when the write is to be torn. */
static size_t share(size_t length, int struck) { return struck < 0 && mode == TORN ? length / 2 : length; }

ssize_t write(int fd, const void *bytes, size_t length)
{
    REAL(write);
    int kind = armed ? kind_of(fd) : -1;
    if (kind < 0)
        return real(fd, bytes, length);
    int struck = strike((enum kind)kind, "write", 0);
    FAIL_IF(struck);
    long at = kind == DISK ? (long)lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = real(fd, bytes, share(length, struck));
    if (kind == DISK && done > 0)
        note_fd('W', fd, at, bytes, done);
    DIE_IF(struck);
    return done;
}

static ssize_t pwrite_any(int fd, const void *bytes, size_t length, off_t at)
{
    REAL(pwrite);
    int kind = armed ? kind_of(fd) : -1;
    if (kind < 0)
        return real(fd, bytes, length, at);
    int struck = strike((enum kind)kind, "pwrite", 0);
    FAIL_IF(struck);
    ssize_t done = real(fd, bytes, share(length, struck), at);
    if (done > 0)
        note_fd('W', fd, (long)at, bytes, done);
    DIE_IF(struck);
    return done;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite_any(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return pwrite_any(fd, bytes, length, at); }

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    int kind = armed ? kind_of(fd) : -1;
    if (kind < 0)
        return real(fd, parts, count);
    int struck = strike((enum kind)kind, "writev", 0);
    FAIL_IF(struck);
    ssize_t done = real(fd, parts, count);
    DIE_IF(struck);
    return done;
}

static int truncate_any(int fd, off_t length)
{
    REAL(ftruncate);
    if (!armed || kind_of(fd) != DISK)
        return real(fd, length);
    int struck = strike(DISK, "ftruncate", 1);
    FAIL_IF(struck);
    int done = real(fd, length);
    note_fd('T', fd, (long)length, NULL, 0);
    DIE_IF(struck);
    return done;
}
int ftruncate(int fd, off_t length) { return truncate_any(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_any(fd, length); }

static int sync_any(int (*real)(int), int fd, const char *call)
{
    if (!armed || fd <= 2)
        return real(fd);
    int struck = strike(SYNC, call, 1);
    FAIL_IF(struck);
    int done = real(fd);
    note_fd('S', fd, 0, NULL, 0);
    DIE_IF(struck);
    return done;
}
int fsync(int fd)
{
    REAL(fsync);
    return sync_any(real, fd, "fsync");
}
int fdatasync(int fd)
{
    REAL(fdatasync);
    return sync_any(real, fd, "fdatasync");
}

int unlink(const char *path)
{
    REAL(unlink);
    if (!armed)
        return real(path);
    int struck = strike(DISK, "unlink", 1);
    FAIL_IF(struck);
    int done = real(path);
    if (done == 0)
        note_path('U', path);
    DIE_IF(struck);
    return done;
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    if (!armed)
        return real(from, to);
    int struck = strike(DISK, "rename", 0);
    FAIL_IF(struck);
    int done = real(from, to);
    if (done == 0)
        note('R', from, 0, to, (long)strlen(to));
    DIE_IF(struck);
    return done;
}

/* Opening is a point when it makes a file, or empties one; on a read-only disk opening for writing fails, too. */
static int open_any(int (*real)(const char *, int, ...), const char *path, int flags, mode_t rights)
{
    struct stat found;
    int before = errno;
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    int missing = armed && writes && (flags & O_CREAT) && stat(path, &found) != 0;
    int empties = armed && writes && (flags & O_TRUNC);
    errno = before;
    int reopened = armed && writes && mode == READ_ONLY && page->struck && !strncmp(path, "/", 1);
    if (reopened && stat(path, &found) == 0 && S_ISREG(found.st_mode)) {
        errno = EROFS;
        return -1;
    }
    if (!missing && !empties)
        return real(path, flags, rights);
    int struck = strike(DISK, "open", 0);
    FAIL_IF(struck);
    int fd = real(path, flags, rights);
    if (fd >= 0)
        note_path(missing ? 'C' : 'E', path);
    DIE_IF(struck);
    return fd;
}
#define OPENS(name)                                                                                                    \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t rights = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                      \
        va_end(rest);                                                                                                  \
        return open_any(real, path, flags, rights);                                                                    \
    }
OPENS(open)
OPENS(open64)

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    REAL(send);
    if (!armed || kind_of(fd) != NETWORK)
        return real(fd, bytes, length, flags);
    int struck = strike(NETWORK, "send", 1);
    FAIL_IF(struck);
    ssize_t done = real(fd, bytes, share(length, struck), flags);
    note('N', call_of(bytes, length), 0, NULL, 0);
    DIE_IF(struck);
    return done;
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t room)
{
    REAL(sendto);
    if (!armed || kind_of(fd) != NETWORK)
        return real(fd, bytes, length, flags, to, room);
    int struck = strike(NETWORK, "sendto", 1);
    FAIL_IF(struck);
    ssize_t done = real(fd, bytes, share(length, struck), flags, to, room);
    DIE_IF(struck);
    return done;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg);
    if (!armed || kind_of(fd) != NETWORK)
        return real(fd, message, flags);
    int struck = strike(NETWORK, "sendmsg", 1);
    FAIL_IF(struck);
    ssize_t done = real(fd, message, flags);
    DIE_IF(struck);
    return done;
}
