//! Wall time for signatures: the sandbox's clock adapter.

use std::time::SystemTime;

use billing::calendar::WallTime;

#[expect(clippy::disallowed_methods, reason = "this is a clock adapter; the sandbox is a process of its own")]
pub(crate) fn wall() -> WallTime {
    WallTime(SystemTime::now().into())
}
