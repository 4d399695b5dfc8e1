//! The real SDK against local stand-ins for AWS. One binary, so that the SDK is linked once.

mod embedded;
