/* A faulty host for one process: a clock that jumps, and a disk that is full, read-only, or fails to
 * sync. The file named by FAULTY_HOST has the current state (its layout: faulty_host.py); the disk is
 * the folder FAULTY_HOST_DISK. For LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { FINE, FULL, READ_ONLY, NO_SYNC };
struct state {
    int64_t clock; /* Seconds */
    int64_t disk;
};

static volatile struct state fine, *state = &fine;
static const char *under = "";

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("FAULTY_HOST"), *folder = getenv("FAULTY_HOST_DISK");
    int file = name && folder ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *there = mmap(NULL, sizeof(struct state), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (there == MAP_FAILED) abort();
    under = folder;
    state = there;
}

static int is_under(const char *path) { return !strncmp(path, under, strlen(under)); }

static int on_disk(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_under(path);
}

/* Whether a write is refused, also of what is there: so do disks that copy on write. */
static int refused(int file) {
    int64_t disk = state->disk;
    if ((disk != FULL && disk != READ_ONLY) || !on_disk(file)) return 0;
    errno = disk == FULL ? ENOSPC : EROFS;
    return 1;
}

#define REAL(name, ...) ((name##_like)dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

typedef ssize_t (*write_like)(int, const void *, size_t);
ssize_t write(int file, const void *bytes, size_t count) {
    if (refused(file)) return -1;
    return REAL(write, file, bytes, count);
}

typedef ssize_t (*pwrite_like)(int, const void *, size_t, off_t);
ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    if (refused(file)) return -1;
    return REAL(pwrite, file, bytes, count, at);
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off_t at) {
    return pwrite(file, bytes, count, at);
}

typedef int (*ftruncate_like)(int, off_t);
int ftruncate(int file, off_t length) {
    if (refused(file)) return -1;
    return REAL(ftruncate, file, length);
}
int ftruncate64(int file, off_t length) { return ftruncate(file, length); }

typedef int (*fallocate_like)(int, int, off_t, off_t);
int fallocate(int file, int mode, off_t at, off_t length) {
    if (refused(file)) return -1;
    return REAL(fallocate, file, mode, at, length);
}
int fallocate64(int file, int mode, off_t at, off_t length) {
    return fallocate(file, mode, at, length);
}

typedef int (*fsync_like)(int);
int fsync(int file) {
    if (state->disk == NO_SYNC && on_disk(file)) return errno = EIO, -1;
    return REAL(fsync, file);
}
typedef int (*fdatasync_like)(int);
int fdatasync(int file) {
    if (state->disk == NO_SYNC && on_disk(file)) return errno = EIO, -1;
    return REAL(fdatasync, file);
}

typedef int (*open_like)(const char *, int, ...);
int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (state->disk == READ_ONLY && (flags & (O_ACCMODE | O_CREAT)) && is_under(path))
        return errno = EROFS, -1;
    return REAL(open, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open(path, flags, mode);
}

typedef int (*unlink_like)(const char *);
int unlink(const char *path) {
    if (state->disk == READ_ONLY && is_under(path)) return errno = EROFS, -1;
    return REAL(unlink, path);
}

typedef int (*clock_gettime_like)(clockid_t, struct timespec *);
int clock_gettime(clockid_t clock, struct timespec *now) {
    static clock_gettime_like real;
    if (!real) real = (clock_gettime_like)dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(clock, now);
    if (!answer && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += state->clock;
    return answer;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
