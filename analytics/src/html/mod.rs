//! stub for compile
use crate::checks::Check;
use crate::cube::Seen;
use crate::error::ReportError;
use crate::figures::Figures;
use crate::input::Input;
use crate::tables::Tables;
pub(crate) fn page(_t: &Tables, _f: &Figures, _c: &[Check], _s: &Seen, _i: &Input) -> Result<String, ReportError> {
    Ok(String::new())
}
