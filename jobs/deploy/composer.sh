#!/usr/bin/env bash
# composer.sh packages|environment|dags|all: what Composer needs. A change of packages or variables restarts workers:
# running tasks end and are retried, and a retry finds its execution again.
. "$(dirname "$0")/lib.sh"
need COMPOSER_ENVIRONMENT
: "${REQUIREMENTS:=$HERE/composer-requirements.txt}"
: "${DAGS:=$REPOSITORY/dags}"

update() {
  local said
  if [ -n "$DRY_RUN" ]; then
    run gcloud composer environments update "$COMPOSER_ENVIRONMENT" --location "$COMPOSER_REGION" \
      --project "$PROJECT" "$@"
  elif ! said=$(gcloud composer environments update "$COMPOSER_ENVIRONMENT" --location "$COMPOSER_REGION" \
    --project "$PROJECT" "$@" 2>&1); then
    # Composer refuses an update that changes nothing; for a script that may run twice that is success.
    if grep -qi 'no change in configuration' <<< "$said"; then
      say "= Composer has that already"
    else
      say "$said"
      exit 75
    fi
  fi
}

packages() { update --update-pypi-packages-from-file "$REQUIREMENTS"; }

environment() {
  # Only one kind of change fits into one update, so this is an update of its own.
  local variables=LLM_CONVERT_STORE=gs://$BUCKET
  variables="$variables,LLM_CONVERT_WAREHOUSE=bigquery://$PROJECT/$DATASET?location=$REGION"
  # The job's name comes from each tenant's CONFIG. Provider and model are the job's own, in jobs/job.yaml.
  variables=$variables,LLM_CONVERT_BACKEND=cloud_run://$PROJECT/$REGION
  update --update-env-variables "$variables"
}

dags() {
  local file
  for file in "$DAGS"/*.py "$DAGS"/*.yaml; do
    [ -f "$file" ] || continue
    run gcloud composer environments storage dags import --environment "$COMPOSER_ENVIRONMENT" \
      --location "$COMPOSER_REGION" --project "$PROJECT" --source "$file"
  done
}

case ${1:-} in
  packages | environment | dags) "$1" ;;
  all)
    packages
    environment
    dags
    ;;
  *) die "usage: composer.sh packages|environment|dags|all" ;;
esac
