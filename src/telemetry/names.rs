//! The metrics: name and help text of each. The help text, which Prometheus shows, is the constant's documentation.

/// Defines a constant for each metric, and [`describe`], which gives the recorder the help texts.
macro_rules! metrics_named {
    ($($describe:ident $name:ident = $text:literal: $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $name: &str = $text;
        )+

        /// Gives the installed recorder the help text of every metric.
        pub(super) fn describe() {
            $(metrics::$describe!($name, $help);)+
        }
    };
}

metrics_named! {
    describe_gauge BUILD_INFO = "tillsight_build_info": "Always 1; what runs: `version`, `target` and `profile`.";
    describe_histogram HTTP_SECONDS = "tillsight_http_request_duration_seconds":
        "Seconds from the first byte of a request to the last of its reply, by route and status.";
    describe_counter HTTP_TOTAL = "tillsight_http_requests_total": "Requests answered, by route and status.";
    describe_gauge ANONYMOUS_CONNECTIONS = "tillsight_anonymous_connections":
        "Open connections on which neither a kiosk nor staff has sent a request; without those of trusted proxies.";
    describe_counter CONNECTIONS_REFUSED_TOTAL = "tillsight_connections_refused_total":
        "Refusals because an address had too many connections open, by `outcome`: answered (429), closed (without a reply).";
    describe_counter LOGINS_TOTAL = "tillsight_logins_total": "Logins, by outcome.";
    describe_counter SIGN_UPS_TOTAL = "tillsight_sign_ups_total":
        "Sign-ups of shoppers, by `outcome`: ok, refused (the name or the password), throttled, failed.";
    describe_counter POOL_JOBS_TOTAL = "tillsight_pool_jobs_total":
        "Jobs by `pool` and `outcome`: done, panicked, abandoned (the caller left first), refused (the queue was full).";
    describe_histogram POOL_QUEUE_SECONDS = "tillsight_pool_queue_seconds":
        "Seconds that a job waited for a thread, by `pool`.";
    describe_counter POOL_ADMISSIONS_TOTAL = "tillsight_pool_admissions_total":
        "Admissions by `pool` and `outcome`: hurried, patient (both admitted), refused (the expected wait or the queue was too long).";
    describe_histogram RECOGNITION_SECONDS = "tillsight_recognition_duration_seconds":
        "Seconds of the stages of recognition, by `stage`: decode, queue, regions, infer, search.";
    describe_counter VERDICTS_TOTAL = "tillsight_verdicts_total": "Verdicts on regions, by verdict.";
    describe_counter EVIDENCE_LOST_TOTAL = "tillsight_recognition_evidence_lost_total":
        "Recognitions whose evidence could not be stored.";
    describe_gauge EVIDENCE_ROWS = "tillsight_recognition_evidence_rows": "Recognitions whose evidence is stored.";
    describe_gauge EVIDENCE_BYTES = "tillsight_recognition_evidence_bytes":
        "Bytes of the stored evidence, estimated from the newest rows.";
    describe_counter EMBED_REQUESTS_TOTAL = "tillsight_embed_requests_total":
        "Photos by `outcome`: done, failed, abandoned (the caller left first), refused (the queue was full).";
    describe_histogram EMBED_QUEUE_SECONDS = "tillsight_embed_queue_seconds":
        "Seconds that a photo waited for a session of the model.";
    describe_histogram EMBED_RUN_SECONDS = "tillsight_embed_run_seconds":
        "Seconds of one run of the model, for the whole batch.";
    describe_histogram EMBED_BATCH_ENTRIES = "tillsight_embed_batch_entries": "Photos in one run of the model.";
    describe_counter SEARCH_REQUESTS_TOTAL = "tillsight_search_requests_total":
        "Searches by `outcome`: done, failed, abandoned (the caller left first), refused (the queue was full).";
    describe_histogram SEARCH_QUEUE_SECONDS = "tillsight_search_queue_seconds":
        "Seconds that a search waited for a thread.";
    describe_histogram SEARCH_SECONDS = "tillsight_search_seconds":
        "Seconds of one pass over the index, for the whole batch.";
    describe_histogram SEARCH_BATCH_ENTRIES = "tillsight_search_batch_entries": "Searches answered in one pass.";
    describe_counter INDEX_SNAPSHOTS_REJECTED_TOTAL = "tillsight_index_snapshots_rejected_total":
        "Snapshots of the index that could not be used, by reason: damaged, ahead, other, incomplete, failed.";
    describe_histogram INDEX_SNAPSHOT_SECONDS = "tillsight_index_snapshot_seconds":
        "Seconds to write a snapshot of the index.";
    describe_counter INDEX_BUILDS_TOTAL = "tillsight_index_builds_total":
        "Indexes built from all embeddings, by `reason`: start, and beside for another model or a comparison.";
    describe_histogram INDEX_BUILD_SECONDS = "tillsight_index_build_seconds": "Seconds to build the index.";
    describe_counter INDEX_ADDED_TOTAL = "tillsight_index_added_vectors_total": "Vectors added to a running index.";
    describe_counter INDEX_REMOVED_TOTAL = "tillsight_index_removed_vectors_total":
        "Vectors removed from a running index.";
    describe_counter INDEX_COMPACTIONS_TOTAL = "tillsight_index_compactions_total":
        "Segments copied without their dead rows.";
    describe_histogram INDEX_WRITE_WAIT_SECONDS = "tillsight_index_write_wait_seconds":
        "Seconds that a change of the index waited for running searches.";
    describe_histogram INDEX_WRITE_LOCK_SECONDS = "tillsight_index_write_lock_seconds":
        "Seconds that a change of the index held the lock.";
    describe_gauge INDEX_ROWS = "tillsight_index_rows": "Rows of the index that can be found.";
    describe_gauge INDEX_DEAD_ROWS = "tillsight_index_dead_rows": "Removed rows of the index that are not compacted yet.";
    describe_gauge INDEX_PRODUCTS = "tillsight_index_products": "Products with at least one photo in the index.";
    describe_gauge INDEX_BYTES = "tillsight_index_bytes":
        "Memory taken by the index, by `part`: vectors, rows, images, products.";
    describe_gauge INDEX_REVISION = "tillsight_index_revision": "Number of the last catalog change that the index contains.";
    describe_gauge UNSEARCHABLE_IMAGES = "tillsight_unsearchable_images":
        "Photos on sale that are missing from the index because they could not be embedded; they are retried.";
    describe_counter UNSEARCHABLE_IMAGES_TOTAL = "tillsight_unsearchable_images_total":
        "Photos that could not be embedded when the index was to add them.";
    describe_counter FOLLOW_FAILURES_TOTAL = "tillsight_catalog_follow_failures_total":
        "Attempts to follow the catalog's log that failed, by reason: hole, unreadable, another, ahead, counter, short, embedder, index, store.";
    describe_counter BACKGROUND_PANICS_TOTAL = "tillsight_background_panics_total":
        "Times that a background task panicked and was restarted, by `task`.";
    describe_counter BACKGROUND_RUNS_TOTAL = "tillsight_background_runs_total":
        "Runs of background tasks that have ended, by `task` and `outcome`: done, failed, panicked.";
    describe_gauge BACKGROUND_LAST_SUCCESS_SECONDS = "tillsight_background_last_success_timestamp_seconds":
        "Unix time of the last run that succeeded, by background `task`; absent before the first one.";
    describe_counter TASK_JOBS_TOTAL = "tillsight_task_jobs_total":
        "Jobs of tasks that have ended, by `type`, `stage` and `outcome`: completed, retried, failed, lost.";
    describe_histogram TASK_JOB_SECONDS = "tillsight_task_job_duration_seconds":
        "Seconds of the work on one job, by `type` and `stage`.";
    describe_gauge TASK_QUEUE_JOBS = "tillsight_task_queue_jobs":
        "Open jobs of tasks on all servers, by `stage` and `status`: waiting, processing.";
    describe_gauge TASK_QUEUE_AGE_SECONDS = "tillsight_task_queue_age_seconds":
        "Seconds since the waiting job of a `stage` was due that has been due longest; 0 if none is due.";
    describe_counter TASK_LEASES_LOST_TOTAL = "tillsight_task_leases_lost_total":
        "Jobs that this server lost, because their task was stopped or their lease expired, or took from a dead server.";
    describe_counter MODEL_ADOPTION_FAILURES_TOTAL = "tillsight_model_adoption_failures_total":
        "Failed attempts of this server to adopt the model that was switched to.";
    describe_counter ORDERS_TOTAL = "tillsight_orders_total": "Orders confirmed.";
    describe_histogram ORDER_SECONDS = "tillsight_order_creation_duration_seconds": "Seconds of one confirmation.";
    describe_counter ORDER_CONFLICTS_TOTAL = "tillsight_order_creation_conflicts_total":
        "Confirmations refused because the session had changed or was closed.";
    describe_counter ORDER_NUMBER_CONFLICTS_TOTAL = "tillsight_order_number_conflicts_total":
        "Transactions in conflict over a receipt number, or with a number that was in use already.";
    describe_counter ORDER_NUMBER_RETRIES_TOTAL = "tillsight_order_number_retries_total":
        "Retries of transactions that take a receipt number, by `reason`: conflict, timeout, error.";
    describe_counter PAYMENTS_TOTAL = "tillsight_payments_total": "Payments recorded, by method.";
    describe_counter REFUNDS_TOTAL = "tillsight_refunds_total": "Refunds and voids, by kind.";
    describe_gauge ORDER_NUMBER_GAPS = "tillsight_order_number_gaps":
        "Receipt numbers that no order has, by `store`, in the newest check.";
    describe_gauge ORDER_NUMBER_DUPLICATES = "tillsight_order_number_duplicates":
        "Receipt numbers that several orders have, by `store`, in the newest check.";
    describe_gauge VOID_PLACEHOLDERS = "tillsight_void_placeholders":
        "Numbers of all series with a void placeholder for a lost record, by `store`, in the newest check.";
    describe_gauge INTEGRITY_HEALTH = "tillsight_integrity_health":
        "Health of numbers and hash chains, 0 to 100, by `store`; `none` stands for lines that belong to no store.";
    describe_gauge ALERTS_FIRING = "tillsight_alerts_firing": "Alerts that are firing, by `rule` and `severity`.";
    describe_counter ALERT_DELIVERIES_TOTAL = "tillsight_alert_deliveries_total":
        "Attempts to deliver an alert, by `sink` and `outcome`: delivered, refused, given_up.";
}

/// Rendered apart from the recorder, which never forgets the series of an old name.
pub const STORE_INFO: &str = "tillsight_store_info";
pub(super) const STORE_INFO_HELP: &str =
    "Always 1; the `name` of each `store`, to join with metrics that have its identifier.";
