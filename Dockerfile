# Two stages: durable_rules has no wheel and needs a compiler, which the running image must not carry.
FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements/build.lock requirements/run.lock requirements/
RUN python -m venv /opt/followup
RUN /opt/followup/bin/python -m pip install --require-hashes -r requirements/build.lock
# setup.py of durable_rules drops the usual optimisation; through CC it stays on.
RUN CC="gcc -O2" /opt/followup/bin/python -m pip install --require-hashes --no-build-isolation -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY connector connector
COPY rules rules
COPY adapters adapters
RUN /opt/followup/bin/python -m pip install --no-deps --no-build-isolation --no-index .
RUN /opt/followup/bin/python -m compileall -q /opt/followup/lib

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /work --shell /usr/sbin/nologin followup \
    && install -d -o followup -g followup /work
COPY --from=build /opt/followup /opt/followup
ENV PATH=/opt/followup/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 FOLLOWUP_WORKSPACE=/work FOLLOWUP_LOG=json
USER 10001
WORKDIR /work
# The root file system may be read-only: only the workspace's .followup folder (the state file) is written.
VOLUME /work
ENTRYPOINT ["followup"]
CMD ["run"]
