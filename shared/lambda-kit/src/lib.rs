//! Lambda glue: start-up, typed configuration, the SQS batch loop, HTTP replies.
