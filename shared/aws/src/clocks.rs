//! The two clocks of a stack.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use billing::calendar::{Instant, WallTime};
use usecases::{
    error::Error,
    ports::{Clocks, Operations},
};

/// Wall time is the machine's. Business time is too, unless the stack has a test clock and somebody set it.
pub struct AwsClocks {
    operations: Arc<dyn Operations>,
    test_clock: bool,
}

impl AwsClocks {
    /// The clocks of a stack; `test_clock` is its `TestClock` parameter.
    #[must_use]
    pub fn new(operations: Arc<dyn Operations>, test_clock: bool) -> Self {
        Self { operations, test_clock }
    }
}

#[async_trait]
impl Clocks for AwsClocks {
    async fn business(&self) -> Result<Instant, Error> {
        let set = if self.test_clock { self.operations.test_clock().await? } else { None };
        Ok(set.unwrap_or_else(|| self.wall().0))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock adapter")]
    fn wall(&self) -> WallTime {
        // chrono is built without its clock, so that the rules cannot read it; the machine is asked directly.
        WallTime(SystemTime::now().into())
    }
}

#[cfg(test)]
mod tests {
    use usecases::memory::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn only_a_stack_with_a_test_clock_follows_it() {
        let operations = Arc::new(MemoryStore::new(1));
        let (tested, live) = (AwsClocks::new(operations.clone(), true), AwsClocks::new(operations.clone(), false));
        let near = |a: Instant, b: WallTime| (a - b.0).num_seconds().abs() < 60;
        assert!(near(tested.business().await.unwrap(), tested.wall()), "a test clock that nobody set stands still");
        let at = "2031-01-01T12:00:00Z".parse().unwrap();
        operations.set_test_clock(at).await.unwrap();
        assert_eq!(tested.business().await.unwrap(), at);
        assert!(near(live.business().await.unwrap(), live.wall()), "a live stack follows a test clock");
        assert!(tested.wall().0 < at, "wall time was moved");
    }
}
