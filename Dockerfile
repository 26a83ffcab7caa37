# The job's image: Python, the packages of jobs/requirements.lock, llm_convert and the prompts. No Airflow, no compiler.
# BASE is an argument so that the image can be built on a mirrored or a hardened base.
ARG BASE=python:3.12-slim

FROM ${BASE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python3 -m venv /venv
# The packages change more seldom than the code: they have a layer of their own.
COPY jobs/requirements.lock ./
RUN /venv/bin/pip install --require-hashes --only-binary :all: --requirement requirements.lock
COPY jobs/build-requirements.lock ./
RUN python3 -m venv /build-venv \
    && /build-venv/bin/pip install --require-hashes --only-binary :all: --requirement build-requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src/ src/
RUN /build-venv/bin/hatchling build -t wheel \
    && /venv/bin/pip install --no-deps --no-index dist/*.whl \
    && /venv/bin/pip check \
    && /venv/bin/pip uninstall --yes pip

FROM ${BASE}
# A numeric user, so that platforms which demand a non-root one can tell.
RUN groupadd --gid 10001 job \
    && useradd --uid 10001 --gid job --no-create-home --home-dir /app --shell /usr/sbin/nologin job
COPY --from=builder /venv /venv
WORKDIR /app
COPY jobs/prompts/ prompts/
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LLM_CONVERT_HOME=/tmp/llm_convert \
    LLM_CONVERT_PROMPTS=/app/prompts
USER 10001:10001
# The exec form: Python is process 1 and gets the platform's SIGTERM itself; no shell stands between.
ENTRYPOINT ["python", "-m", "llm_convert.job"]
