//! Clocks of a stack in one process: business time is held here and kept in the table, wall time is the machine's.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use billing::calendar::{Instant, WallTime};
use usecases::{
    error::Error,
    ports::{Clocks, Operations},
};

/// The clocks, with a test clock that survives a restart.
pub(crate) struct LocalClocks {
    operations: Arc<dyn Operations>,
    /// None: business time is wall time.
    stands_at: RwLock<Option<Instant>>,
}

impl LocalClocks {
    /// Takes up the test clock where the table says it stands.
    pub(crate) async fn open(operations: Arc<dyn Operations>) -> Result<Self, Error> {
        let stands_at = RwLock::new(operations.test_clock().await?);
        Ok(Self { operations, stands_at })
    }

    /// Moves business time in this process; [`LocalClocks::keep`] writes it down.
    pub(crate) fn set(&self, at: Instant) {
        *self.stands_at.write().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Writes down where the test clock stands. A process that dies between two steps comes back a step early and finds
    /// that step's work done.
    pub(crate) async fn keep(&self) -> Result<(), Error> {
        match self.test_clock() {
            Some(at) => self.operations.set_test_clock(at).await,
            None => Ok(()),
        }
    }

    /// Where the test clock stands, if it was ever moved.
    pub(crate) fn test_clock(&self) -> Option<Instant> {
        *self.stands_at.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clocks for LocalClocks {
    async fn business(&self) -> Result<Instant, Error> {
        Ok(self.test_clock().unwrap_or_else(|| self.wall().0))
    }

    fn wall(&self) -> WallTime {
        wall()
    }
}

/// The machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock of a stack in one process")]
pub(crate) fn wall() -> WallTime {
    WallTime(chrono::Utc::now())
}
