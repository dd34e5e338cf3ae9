//! Binding of `rotext`: take the arguments, release the interpreter lock, call the core, map the error.

mod books;
mod dedup;
mod errors;
mod files;
mod filter;
mod inspect;
mod kernels;
mod ledger;
mod normalize;
mod pack;
mod progress;
mod split;
mod tokenizer;

use pyo3::prelude::*;

/// The compiled core of `rotools`. Use the functions of `rotools`, which this module serves.
#[pymodule]
fn _rotext(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    // Only debug builds panic over a text that asks for it; tests of that ask here.
    module.add("__debug_build__", cfg!(debug_assertions))?;
    module.add("RotoolsError", module.py().import("rotools.errors")?.getattr("RotoolsError")?)?;
    module.add_class::<progress::Progress>()?;
    module.add_function(wrap_pyfunction!(files::decode_text, module)?)?;
    module.add_function(wrap_pyfunction!(files::write_file, module)?)?;
    module.add_function(wrap_pyfunction!(normalize::normalize_text, module)?)?;
    module.add_function(wrap_pyfunction!(normalize::diff_text, module)?)?;
    module.add_function(wrap_pyfunction!(normalize::diff_files, module)?)?;
    module.add_function(wrap_pyfunction!(normalize::normalize_rules, module)?)?;
    module.add_function(wrap_pyfunction!(normalize::normalize, module)?)?;
    module.add_function(wrap_pyfunction!(filter::filter, module)?)?;
    module.add_function(wrap_pyfunction!(filter::judge, module)?)?;
    module.add_function(wrap_pyfunction!(filter::redact, module)?)?;
    module.add_function(wrap_pyfunction!(filter::filter_rules, module)?)?;
    module.add_function(wrap_pyfunction!(dedup::dedup, module)?)?;
    module.add_function(wrap_pyfunction!(dedup::dedup_estimate, module)?)?;
    module.add_function(wrap_pyfunction!(dedup::likeness, module)?)?;
    module.add_class::<kernels::Kernel>()?;
    module.add_class::<kernels::ArrowArray>()?;
    module.add_class::<kernels::ArrowStream>()?;
    module.add_function(wrap_pyfunction!(ledger::why, module)?)?;
    module.add_function(wrap_pyfunction!(ledger::ledger_summary, module)?)?;
    module.add_function(wrap_pyfunction!(ledger::pick, module)?)?;
    module.add_function(wrap_pyfunction!(inspect::inspect, module)?)?;
    module.add_function(wrap_pyfunction!(inspect::head, module)?)?;
    module.add_function(wrap_pyfunction!(split::split, module)?)?;
    module.add_class::<tokenizer::Tokenizer>()?;
    module.add_function(wrap_pyfunction!(tokenizer::train, module)?)?;
    module.add_function(wrap_pyfunction!(tokenizer::encode, module)?)?;
    module.add_function(wrap_pyfunction!(tokenizer::report, module)?)?;
    module.add_class::<books::BookJudge>()?;
    module.add_class::<books::PdfBook>()?;
    module.add_function(wrap_pyfunction!(books::read_text, module)?)?;
    module.add_function(wrap_pyfunction!(books::doubtful, module)?)?;
    module.add_function(wrap_pyfunction!(books::assemble, module)?)?;
    module.add_function(wrap_pyfunction!(pack::pack, module)?)?;
    module.add_function(wrap_pyfunction!(pack::verify, module)?)?;
    module.add_function(wrap_pyfunction!(pack::manifest, module)?)?;
    module.add_function(wrap_pyfunction!(pack::block, module)?)?;
    Ok(())
}
