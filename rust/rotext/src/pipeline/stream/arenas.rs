//! How the threads of a pass share the memory of the allocator.

/// Lets four threads share an arena of glibc's allocator. Documents are made by one thread and freed by another, and each arena keeps
/// what it freed: with the usual eight arenas for each core, a million short documents and 8 threads take 281 to 325 MB, with two arenas
/// 218 to 244, in the same time (docs/log/deduplication.md). The limit stays for the rest of the process.
pub(super) fn share(threads: usize) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
        }
        const M_ARENA_MAX: std::ffi::c_int = -8;
        // SAFETY: the function takes two numbers and locks what it changes. A failure changes nothing.
        unsafe { mallopt(M_ARENA_MAX, threads.div_ceil(4).max(1) as std::ffi::c_int) };
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = threads;
}
