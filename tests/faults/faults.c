/* Make the n-th system call of one kind fail, on files under one folder. Preloaded with LD_PRELOAD.

   The environment says what happens (fault_layer.py writes it):
     FAULTS_ROOT  the folder; calls on other paths are not counted
     FAULTS_CALL  the name of the call: one of NAMES
     FAULTS_AT    the first call that fails, from 1; 0: none, calls are only counted
     FAULTS_FOR   how many calls fail from there; 0: all
     FAULTS_HOW   a number of errno, or `short`, or `kill` / `term` / `int`: the process gets the signal before the call

   A descriptor is turned into its path by /proc/self/fd. That costs a call, and needs no table that a fork or dup would spoil. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, READ, SYNC, RENAME, OPEN, CREATE, MMAP, TRUNCATE, CLOSE, UNLINK, MKDIR, LOCK, KINDS };
static const char *const NAMES[KINDS] = {"write",    "read",  "fsync",  "rename", "open", "create", "mmap",
                                         "truncate", "close", "unlink", "mkdir",  "flock"};

static char root[4096];
static size_t root_length;
static int target = -1, at, length, how, is_short;
static atomic_int counts[KINDS];

/* Reads the environment again, and counts from zero. Called when the library is loaded, and by a forked child. */
__attribute__((constructor)) void faults_arm(void) {
    const char *folder = getenv("FAULTS_ROOT"), *call = getenv("FAULTS_CALL"), *first = getenv("FAULTS_AT");
    const char *many = getenv("FAULTS_FOR"), *what = getenv("FAULTS_HOW");
    root_length = 0, target = -1, is_short = 0;
    if (!folder || !first) return;
    strncpy(root, folder, sizeof root - 1);
    at = atoi(first), length = many ? atoi(many) : 1;
    for (int i = 0; i < KINDS; i++) {
        atomic_store(&counts[i], 0);
        if (call && !strcmp(call, NAMES[i])) target = i;
    }
    how = !what ? EIO : !strcmp(what, "kill") ? -SIGKILL : !strcmp(what, "term") ? -SIGTERM : !strcmp(what, "int") ? -SIGINT : atoi(what);
    is_short = what && !strcmp(what, "short");
    root_length = strlen(root);
}

/* How many calls of a kind there were. */
int faults_count(const char *call) {
    for (int i = 0; i < KINDS; i++)
        if (!strcmp(call, NAMES[i])) return atomic_load(&counts[i]);
    return -1;
}

static int under_root(const char *path) {
    return !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* Counts a call on `path`. Whether it shall go wrong: 0 no, 1 it fails (errno is set), 2 it shall be short. */
static int on_path(int kind, int folder, const char *path) {
    char full[8192];
    if (!root_length || !path) return 0;
    if (path[0] != '/') {
        char link[64];
        ssize_t size;
        if (folder == AT_FDCWD) size = syscall(SYS_getcwd, full, sizeof full / 2) - 1;
        else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            size = syscall(SYS_readlink, link, full, sizeof full / 2);
        }
        if (size <= 0) return 0;
        snprintf(full + size, sizeof full - (size_t)size, "/%s", path);
        path = full;
    }
    if (!under_root(path)) return 0;
    int number = atomic_fetch_add(&counts[kind], 1) + 1;
    if (kind != target || !at || number < at || (length && number >= at + length)) return 0;
    if (is_short) return 2;
    if (how < 0) {
        syscall(SYS_kill, syscall(SYS_getpid), -how);
        return 0;
    }
    errno = how;
    return 1;
}

static int on_descriptor(int kind, int descriptor) {
    char link[64], path[4096];
    if (!root_length || descriptor < 0) return 0;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = syscall(SYS_readlink, link, path, sizeof path - 1);
    errno = before;
    if (size <= 0 || path[0] != '/') return 0; /* a pipe or a socket */
    path[size] = 0;
    return on_path(kind, AT_FDCWD, path);
}

#define REAL(name) ((__typeof__(&name))next(#name))
static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

#define HALF(size) ((size) > 1 ? (size) / 2 : (size))

ssize_t write(int fd, const void *data, size_t size) {
    int wrong = on_descriptor(WRITE, fd);
    return wrong == 1 ? -1 : syscall(SYS_write, fd, data, wrong ? HALF(size) : size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t from) {
    int wrong = on_descriptor(WRITE, fd);
    return wrong == 1 ? -1 : syscall(SYS_pwrite64, fd, data, wrong ? HALF(size) : size, from);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t from) { return pwrite(fd, data, size, from); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    int wrong = on_descriptor(WRITE, fd);
    return wrong == 1 ? -1 : syscall(SYS_writev, fd, parts, wrong ? 1 : count);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    return on_descriptor(WRITE, out) == 1 ? -1 : syscall(SYS_copy_file_range, in, from, out, to, size, flags);
}
ssize_t sendfile(int out, int in, off_t *from, size_t size) {
    return on_descriptor(WRITE, out) == 1 ? -1 : syscall(SYS_sendfile, out, in, from, size);
}
ssize_t sendfile64(int out, int in, off64_t *from, size_t size) { return sendfile(out, in, from, size); }
ssize_t read(int fd, void *data, size_t size) {
    int wrong = on_descriptor(READ, fd);
    return wrong == 1 ? -1 : syscall(SYS_read, fd, data, wrong ? HALF(size) : size);
}
ssize_t pread(int fd, void *data, size_t size, off_t from) {
    int wrong = on_descriptor(READ, fd);
    return wrong == 1 ? -1 : syscall(SYS_pread64, fd, data, wrong ? HALF(size) : size, from);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t from) { return pread(fd, data, size, from); }
ssize_t readv(int fd, const struct iovec *parts, int count) {
    int wrong = on_descriptor(READ, fd);
    return wrong == 1 ? -1 : syscall(SYS_readv, fd, parts, wrong ? 1 : count);
}
int fsync(int fd) { return on_descriptor(SYNC, fd) == 1 ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return on_descriptor(SYNC, fd) == 1 ? -1 : (int)syscall(SYS_fdatasync, fd); }
int rename(const char *from, const char *to) {
    return on_path(RENAME, AT_FDCWD, to) == 1 ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int at_from, const char *from, int at_to, const char *to) {
    return on_path(RENAME, at_to, to) == 1 ? -1 : (int)syscall(SYS_renameat2, at_from, from, at_to, to, 0);
}
int renameat2(int at_from, const char *from, int at_to, const char *to, unsigned flags) {
    return on_path(RENAME, at_to, to) == 1 ? -1 : (int)syscall(SYS_renameat2, at_from, from, at_to, to, flags);
}
static int opened(int folder, const char *path, int flags, mode_t mode) {
    int kind = flags & (O_WRONLY | O_RDWR | O_CREAT) ? CREATE : OPEN;
    return on_path(kind, folder, path) == 1 ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}
static mode_t mode_of(int flags, va_list words) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(words, mode_t) : 0;
}
#define OPEN_CALL(folder)                       \
    va_list words;                              \
    va_start(words, flags);                     \
    mode_t mode = mode_of(flags, words);        \
    va_end(words);                              \
    return opened(folder, path, flags, mode)
int open(const char *path, int flags, ...) { OPEN_CALL(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN_CALL(AT_FDCWD); }
int openat(int folder, const char *path, int flags, ...) { OPEN_CALL(folder); }
int openat64(int folder, const char *path, int flags, ...) { OPEN_CALL(folder); }
FILE *fopen(const char *path, const char *mode) {
    int kind = strpbrk(mode, "wa+") ? CREATE : OPEN;
    return on_path(kind, AT_FDCWD, path) == 1 ? NULL : REAL(fopen)(path, mode);
}
FILE *fopen64(const char *path, const char *mode) { return fopen(path, mode); }
void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t from) {
    if (!(flags & MAP_ANONYMOUS) && on_descriptor(MMAP, fd) == 1) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, from);
}
void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t from) {
    return mmap(address, size, protection, flags, fd, from);
}
int ftruncate(int fd, off_t size) { return on_descriptor(TRUNCATE, fd) == 1 ? -1 : (int)syscall(SYS_ftruncate, fd, size); }
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
/* The descriptor is closed, as Linux does after an error too. */
int close(int fd) {
    int wrong = on_descriptor(CLOSE, fd), number = errno, closed = (int)syscall(SYS_close, fd);
    if (wrong != 1) return closed;
    errno = number;
    return -1;
}
int unlink(const char *path) {
    return on_path(UNLINK, AT_FDCWD, path) == 1 ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
int unlinkat(int folder, const char *path, int flags) {
    return on_path(UNLINK, folder, path) == 1 ? -1 : (int)syscall(SYS_unlinkat, folder, path, flags);
}
int rmdir(const char *path) {
    return on_path(UNLINK, AT_FDCWD, path) == 1 ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}
int mkdir(const char *path, mode_t mode) {
    return on_path(MKDIR, AT_FDCWD, path) == 1 ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
int mkdirat(int folder, const char *path, mode_t mode) {
    return on_path(MKDIR, folder, path) == 1 ? -1 : (int)syscall(SYS_mkdirat, folder, path, mode);
}
int flock(int fd, int operation) { return on_descriptor(LOCK, fd) == 1 ? -1 : (int)syscall(SYS_flock, fd, operation); }
