//! DynamoDB, SQS and EventBridge adapters of the ports.
