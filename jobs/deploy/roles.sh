#!/usr/bin/env bash
# Who may do what: the least that works. Granting what is granted already changes nothing.
. "$(dirname "$0")/lib.sh"

on_project() { # project member role
  run gcloud projects add-iam-policy-binding "$1" --member "serviceAccount:$2" --role "$3" --condition None \
    --format none
}

on_bucket() { # member role
  run gcloud storage buckets add-iam-policy-binding "gs://$BUCKET" --member "serviceAccount:$1" --role "$2"
}

# The job calls the model and keeps its state. It reads no BigQuery and starts nothing.
on_project "$MODEL_PROJECT" "$JOB_ACCOUNT" roles/aiplatform.user
on_bucket "$JOB_ACCOUNT" roles/storage.objectUser

# The build reads what was submitted, writes its log, pushes the image and replaces the job, which runs as the job's
# account.
on_project "$PROJECT" "$BUILD_ACCOUNT" roles/logging.logWriter
on_project "$PROJECT" "$BUILD_ACCOUNT" roles/storage.objectViewer
on_project "$PROJECT" "$BUILD_ACCOUNT" roles/run.developer
run gcloud artifacts repositories add-iam-policy-binding "$ARTIFACTS" --location "$REGION" --project "$PROJECT" \
  --member "serviceAccount:$BUILD_ACCOUNT" --role roles/artifactregistry.writer
run gcloud iam service-accounts add-iam-policy-binding "$JOB_ACCOUNT" --project "$PROJECT" \
  --member "serviceAccount:$BUILD_ACCOUNT" --role roles/iam.serviceAccountUser

# Composer starts executions, watches them and cancels them, moves documents and lands tables. Running a job needs no
# right to act as the job's account; only deploying one does.
permissions=run.jobs.get,run.jobs.run,run.jobs.runWithOverrides,run.executions.get,run.executions.list
permissions=$permissions,run.executions.cancel,run.tasks.get,run.tasks.list,run.operations.get
# The last lines of a failed execution's log, and its link, stand in the task's own log.
permissions=$permissions,logging.logEntries.list
unless "role $LAUNCHER_ROLE" \
  gcloud iam roles describe "$LAUNCHER_ROLE" --project "$PROJECT" -- \
  gcloud iam roles create "$LAUNCHER_ROLE" --project "$PROJECT" --title "llm_convert launcher" --stage GA \
  --permissions "$permissions"
if [ -n "$COMPOSER_ACCOUNT" ]; then
  on_project "$PROJECT" "$COMPOSER_ACCOUNT" "projects/$PROJECT/roles/$LAUNCHER_ROLE"
  on_project "$PROJECT" "$COMPOSER_ACCOUNT" roles/bigquery.jobUser
  on_bucket "$COMPOSER_ACCOUNT" roles/storage.objectUser
  # So that the doctor can tell whether the bucket is in the job's region.
  on_bucket "$COMPOSER_ACCOUNT" roles/storage.legacyBucketReader
  run bq --project_id "$PROJECT" --location "$REGION" query --use_legacy_sql=false \
    "GRANT \`roles/bigquery.dataEditor\` ON SCHEMA \`$PROJECT.$DATASET\` TO 'serviceAccount:$COMPOSER_ACCOUNT'"
else
  say "! COMPOSER_ACCOUNT is not set: nothing was granted to Composer. Set it and run roles.sh again."
fi
