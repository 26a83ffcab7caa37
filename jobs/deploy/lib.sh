# Sourced by every script here: the project's values, and how commands are run. Needs bash and the Google Cloud CLI.
#
# Values come from the environment, else from jobs/deploy/project.env (see project.env.example), else from below.
# DRY_RUN=1 prints every command that would change something and runs none of them.
# shellcheck shell=bash
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPOSITORY=$(cd "$HERE/../.." && pwd)

# What the environment says goes before the file.
if [ -f "${PROJECT_ENV:-$HERE/project.env}" ]; then
  while IFS='=' read -r name value; do
    case $name in '' | '#'*) continue ;; esac
    [ -n "${!name:-}" ] || export "$name=$value"
  done < "${PROJECT_ENV:-$HERE/project.env}"
fi

: "${PROJECT:?set PROJECT, the Google Cloud project, in the environment or in jobs/deploy/project.env}"
: "${REGION:=asia-northeast1}"
: "${BUILD_REGION:=asia-northeast3}"
: "${JOB:=claude-agent-sdk-batch-job}"
: "${MODEL_PROJECT:=$PROJECT}"
: "${MODEL_REGION:=global}"
: "${BUCKET:=$PROJECT-llm-convert}"
: "${DATASET:=llm_convert}"
: "${ARTIFACTS:=llm-convert}"
: "${JOB_ACCOUNT:=llm-convert-job@$PROJECT.iam.gserviceaccount.com}"
: "${BUILD_ACCOUNT:=llm-convert-build@$PROJECT.iam.gserviceaccount.com}"
: "${COMPOSER_ENVIRONMENT:=}"
: "${COMPOSER_REGION:=$REGION}"
: "${COMPOSER_ACCOUNT:=}"
: "${LAUNCHER_ROLE:=llmConvertLauncher}"
: "${DRY_RUN:=}"
IMAGE_NAME=$REGION-docker.pkg.dev/$PROJECT/$ARTIFACTS/$JOB
# Read by the scripts that source this file.
export REPOSITORY IMAGE_NAME BUILD_REGION MODEL_PROJECT MODEL_REGION DATASET COMPOSER_REGION

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 78
}

# Run a command that changes something; with DRY_RUN print it instead, quoted so that it can be pasted.
run() {
  if [ -n "$DRY_RUN" ]; then
    printf '%q ' "$@" | sed 's/ $//'
    echo
  else
    say "+ $*"
    "$@"
  fi
}

# unless "<what exists>" <command that shows it> -- <command that makes it>: a second run changes nothing.
unless() {
  local what=$1
  shift
  local look=()
  while [ "$1" != -- ]; do
    look+=("$1")
    shift
  done
  shift
  if [ -z "$DRY_RUN" ] && "${look[@]}" > /dev/null 2>&1; then
    say "= $what is there already"
  else
    run "$@"
  fi
}

need() {
  local name
  for name in "$@"; do
    [ -n "${!name:-}" ] || die "$name is not set. Set it in the environment or in jobs/deploy/project.env."
  done
}
