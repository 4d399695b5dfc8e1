//! New ids from the machine's randomness.

use usecases::ports::Ids;
use uuid::Uuid;

/// 122 random bits an id.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the ids adapter")]
    fn next(&self) -> u128 {
        Uuid::new_v4().as_u128()
    }
}
