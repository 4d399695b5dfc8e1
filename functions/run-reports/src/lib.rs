//! An export has arrived: computes the reports and files them.
