#!/usr/bin/env bash
# tenant.sh CODE: a job of a tenant's own, whose service account reads and writes that tenant's prefix and no other.
#
# An execution can't choose its account, so the isolation is a job of its own: CONFIG names it with llm_job_name.
# The prefix is a managed folder: a condition on object names alone would refuse to list what lies below the prefix.
. "$(dirname "$0")/lib.sh"
need IMAGE
tenant=${1:?usage: tenant.sh CODE}
[[ $tenant =~ ^[A-Za-z0-9][A-Za-z0-9_-]*$ ]] || die "$tenant is no tenant code. Use letters, digits, '-' and '_'."
lower=$(tr 'A-Z_' 'a-z-' <<< "$tenant")
# An account's name has 6 to 30 characters.
name=llm-convert-${lower:0:18}
account=$name@$PROJECT.iam.gserviceaccount.com

unless "service account $account" \
  gcloud iam service-accounts describe "$account" --project "$PROJECT" -- \
  gcloud iam service-accounts create "$name" --project "$PROJECT" --display-name "llm_convert job of tenant $tenant"
run gcloud projects add-iam-policy-binding "$MODEL_PROJECT" --member "serviceAccount:$account" \
  --role roles/aiplatform.user --condition None --format none
unless "managed folder of $tenant" \
  gcloud storage managed-folders describe "gs://$BUCKET/tenants/$tenant" -- \
  gcloud storage managed-folders create "gs://$BUCKET/tenants/$tenant"
run gcloud storage managed-folders add-iam-policy-binding "gs://$BUCKET/tenants/$tenant" \
  --member "serviceAccount:$account" --role roles/storage.objectUser
run gcloud iam service-accounts add-iam-policy-binding "$account" --project "$PROJECT" \
  --member "serviceAccount:$BUILD_ACCOUNT" --role roles/iam.serviceAccountUser

JOB=$JOB-$lower JOB_ACCOUNT=$account "$(dirname "$0")/job.sh"
say "Write \"llm_job_name\": \"$JOB-$lower\" into the CONFIG of $tenant."
