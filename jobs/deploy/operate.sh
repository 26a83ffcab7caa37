#!/usr/bin/env bash
# What people look at and do by hand.
#
#     operate.sh list                                    the job's executions, the newest first
#     operate.sh execution NAME                          one execution: tasks, conditions, times
#     operate.sh logs NAME                               one execution's log lines, the oldest first
#     operate.sh describe                                the job: image, account, environment, limits
#     operate.sh run TENANT BSDA [FILE_ID [PROMPT_ID]]   one execution by hand; the job alone, without the DAG
#     operate.sh cancel NAME                             stop one execution
#     operate.sh trigger DAG_ID [BSDA]                   the whole DAG by hand
. "$(dirname "$0")/lib.sh"

place=(--project "$PROJECT" --region "$REGION")

usage() { die "usage: operate.sh list | execution NAME | logs NAME | describe | run TENANT BSDA [FILE_ID [PROMPT_ID]] | cancel NAME | trigger DAG_ID [BSDA]"; }

check_bsda() {
  [[ $1 =~ ^([0-9]{8}|[0-9]{14})$ ]] || die "BSDA must be 8 or 14 digits, found '$1'. Give one such as 20251107140000."
}

check_name() {
  [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9_-]*$ ]] || die "'$1' is no name. Use letters, digits, '-' and '_'."
}

logs() {
  check_name "$1"
  gcloud logging read "resource.type=\"cloud_run_job\" resource.labels.job_name=\"$JOB\" labels.\"run.googleapis.com/execution_name\"=\"$1\"" \
    --project "$PROJECT" --order asc --limit 1000 --freshness 30d \
    --format 'value(timestamp, severity, jsonPayload.message, textPayload)'
}

run_job() {
  local name variables
  for name in "$1" "${@:3}"; do check_name "$name"; done
  check_bsda "$2"
  variables="TENANT_CODE=$1,BSDA=$2${3:+,FILE_ID=$3}${4:+,PROMPT_ID=$4}"
  run gcloud run jobs execute "$JOB" "${place[@]}" --update-env-vars "$variables" --async
}

trigger() {
  need COMPOSER_ENVIRONMENT
  check_name "$1"
  local conf=()
  if [ -n "${2:-}" ]; then
    check_bsda "$2"
    conf=(--conf "{\"BSDA\": \"$2\"}")
  fi
  run gcloud composer environments run "$COMPOSER_ENVIRONMENT" --location "$COMPOSER_REGION" --project "$PROJECT" \
    dags trigger -- "$1" "${conf[@]}"
}

case "${1:-} $#" in
  "list 1") gcloud run jobs executions list --job "$JOB" "${place[@]}" --limit 50 ;;
  "execution 2") gcloud run jobs executions describe "$2" "${place[@]}" ;;
  "logs 2") logs "$2" ;;
  "describe 1") gcloud run jobs describe "$JOB" "${place[@]}" ;;
  "run 3" | "run 4" | "run 5") run_job "${@:2}" ;;
  "cancel 2") run gcloud run jobs executions cancel "$2" "${place[@]}" --quiet ;;
  "trigger 2" | "trigger 3") trigger "${@:2}" ;;
  *) usage ;;
esac
