"""The Dockerfile's install steps, run in a clean folder and a clean environment, so that they cannot rot."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def _clean_environment() -> dict[str, str]:
    """What a build has: a path, a home, and how packages are reached here; nothing of this project's."""
    kept = {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "http", "HTTP", "no_"))
    }
    path = f"{Path(sys.base_prefix) / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**kept, "PATH": path, "LANG": "C.UTF-8", "HOME": "/nonexistent"}


@pytest.mark.slow
def test_the_install_steps_of_the_build_stage_give_a_working_console_script(tmp_path: Path) -> None:
    build, target = tmp_path / "build", tmp_path / "opt"
    build.mkdir()
    env = _clean_environment()
    for word, rest in instructions()[1:]:
        if word == "FROM":
            break
        if word == "COPY":
            *sources, into = shlex.split(rest)
            _copy(build, sources, into)
        elif word == "RUN" and "apt-get" not in rest:
            step = rest.replace("/opt/followup", str(target)).replace("python -m venv", f"{sys.executable} -m venv")
            done = subprocess.run(
                ["/bin/sh", "-ec", step], cwd=build, env=env, capture_output=True, text=True, timeout=900, check=False
            )
            assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
    script = target / "bin" / "followup"
    shutil.rmtree(build)
    done = subprocess.run([script, "--version"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "followup, version 0.1.0"), done.stderr
    made = subprocess.run(
        [script, "init", "team"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert made.returncode == 0, made.stderr
    checked = subprocess.run(
        [script, "check", "-w", "team"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _copy(build: Path, sources: list[str], into: str) -> None:
    for source in sources:
        place = build / into / Path(source).name if into.endswith("/") else build / into
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, place)


def test_the_image_runs_as_nobody_special_and_starts_the_console_script() -> None:
    found = dict(instructions())
    assert found["ENTRYPOINT"] == '["followup"]'
    assert found["USER"] == "10001"
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        name for word, rest in instructions() if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]
    ]
    for name in copied:
        assert f"!{name}" in ignored, f"{name} is copied but not let through .dockerignore"


def test_the_cron_examples_fit_the_image() -> None:
    job = yaml.safe_load((ROOT / "deploy" / "cronjob.yaml").read_text(encoding="utf-8"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["args"][0] == "run"
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/work", "/run/secrets", "/tmp"} <= mounts  # noqa: S108 - the container's own
    line = (ROOT / "deploy" / "crontab").read_text(encoding="utf-8").splitlines()[-1]
    assert line.startswith("*/10 * * * * docker run ")
    assert line.endswith("crm-followup run")


def test_the_cron_examples_take_every_right_away_that_is_not_needed() -> None:
    job = yaml.safe_load((ROOT / "deploy" / "cronjob.yaml").read_text(encoding="utf-8"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        rights = container["securityContext"]
        assert (rights["privileged"], rights["allowPrivilegeEscalation"]) == (False, False)
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["capabilities"] == {"drop": ["ALL"]}
        [secrets] = [mount for mount in container["volumeMounts"] if mount["mountPath"] == "/run/secrets"]
        assert secrets["readOnly"] is True
    [credentials] = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert credentials["defaultMode"] == 0o440
    assert not any("hostPath" in volume for volume in pod["volumes"])
    line = (ROOT / "deploy" / "crontab").read_text(encoding="utf-8").splitlines()[-1]
    for word in ("--read-only", "--cap-drop ALL", "--security-opt no-new-privileges"):
        assert word in line
