/* The C library as the tests of Sealift.Posix see it: each call goes on to the real one, unless the calling thread has armed a fault for
   it. Loaded in place of "libc" for that one assembly; what is not defined here is the real library's. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

static __thread struct { char call[32]; int error; int times; int after; long most; int count; long arguments[3]; } fault;
static __thread unsigned long device_bytes, free_units, preferred_bytes;
static __thread unsigned owner;
static __thread void (*meanwhile)(void);

/* The next `after` calls of this name go through, the `times` ones after them fail with `error`; if `most` is above 0, each transfers no more than so many bytes. */
void fault_arm(const char *call, int error, int times, int after, long most)
{
    strncpy(fault.call, call, sizeof fault.call - 1);
    fault.error = error; fault.times = times; fault.after = after; fault.most = most; fault.count = 0;
}

/* How often the armed call was made since. */
int fault_count(void) { return fault.count; }

/* Numbers that the armed call was last made with; which ones, its definition below says. */
long fault_argument(int index) { return fault.arguments[index]; }

/* While above 0, every file is a block device of so many bytes. */
void fault_device(unsigned long bytes) { device_bytes = bytes; }

/* While above 0, every file system has so many free units of so many bytes. */
void fault_free(unsigned long units) { free_units = units; }

/* While above 0, whatever is looked at by its name is that user's; what is open is whose it is. */
void fault_owner(unsigned user) { owner = user; }

/* While above 0, every file system prefers I/O of so many bytes. */
void fault_preferred(unsigned long bytes) { preferred_bytes = bytes; }

/* While set, it is called before each call that is armed. It may arm anew. */
void fault_meanwhile(void (*function)(void)) { meanwhile = function; }

/* While the length is above 0, this one file is a block device of so many bytes, for every thread. */
static struct { dev_t device; ino_t inode; unsigned long bytes; } posing;

int fault_pose(const char *path, unsigned long bytes)
{
    struct stat s;
    posing.bytes = 0;
    if (bytes == 0) return 0;
    if (stat(path, &s) != 0) return -1;
    posing.device = s.st_dev; posing.inode = s.st_ino; posing.bytes = bytes;
    return 0;
}

static void note(const char *call, long a, long b, long c)
{
    if (strcmp(call, fault.call) != 0) return;
    fault.arguments[0] = a; fault.arguments[1] = b; fault.arguments[2] = c;
}

/* For whoever does its work on other threads: while the call is named, it fails everywhere in the process; where `only` is not negative,
   only the one before which so many were made. */
static struct { char call[32]; int error; int only; int count; char touched[512]; } everywhere;

void fault_everywhere_only(const char *call, int error, int only)
{
    everywhere.error = error; everywhere.only = only; everywhere.count = 0; everywhere.touched[0] = 0;
    strncpy(everywhere.call, call, sizeof everywhere.call - 1);
}

void fault_everywhere(const char *call, int error) { fault_everywhere_only(call, error, -1); }

/* Instead of failing, the one call goes through, and just before it somebody else changes a file, where it is there. */
void fault_everywhere_touch(const char *path) { strncpy(everywhere.touched, path, sizeof everywhere.touched - 1); }

/* How often the call that fails everywhere was made since. */
int fault_everywhere_count(void) { return __atomic_load_n(&everywhere.count, __ATOMIC_SEQ_CST); }

static int fails(const char *call)
{
    if (strcmp(call, everywhere.call) == 0)
    {
        int before = __atomic_fetch_add(&everywhere.count, 1, __ATOMIC_SEQ_CST);
        if (everywhere.only >= 0 && before != everywhere.only) return 0;
        if (everywhere.touched[0]) { utimensat(AT_FDCWD, everywhere.touched, 0, 0); return 0; }
        errno = everywhere.error;
        return 1;
    }

    if (strcmp(call, fault.call) != 0) return 0;
    if (meanwhile)
    {
        void (*function)(void) = meanwhile;
        meanwhile = 0; /* what it calls itself is not looked at */
        function();
        meanwhile = function;
    }

    fault.count++;
    if (fault.after > 0) { fault.after--; return 0; }
    if (fault.times <= 0) return 0;
    fault.times--;
    errno = fault.error;
    return 1;
}

/* The next ones for every thread: what a storage does that copies by itself. "nothing": it says that it copied and did not; "half": it
   copies the first half of what it says; "elsewhere": it copies to the beginning of the target; "short": it copies half and says so. */
static struct { char call[32], kind[16]; int count; } lie;

void fault_lie(const char *call, const char *kind)
{
    strncpy(lie.kind, kind, sizeof lie.kind - 1);
    lie.count = 0;
    strncpy(lie.call, call, sizeof lie.call - 1);
}

/* How often it lied. */
int fault_lies(void) { return __atomic_load_n(&lie.count, __ATOMIC_SEQ_CST); }

static int lies(const char *call, const char *kind)
{
    if (strcmp(call, lie.call) != 0 || strcmp(kind, lie.kind) != 0) return 0;
    __atomic_fetch_add(&lie.count, 1, __ATOMIC_SEQ_CST);
    return 1;
}

static void *real(const char *name) { return dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), name); }
static size_t most(const char *call, size_t count) { return strcmp(call, fault.call) == 0 && fault.most > 0 && count > (size_t)fault.most ? (size_t)fault.most : count; }

#define CALL(type, name, parameters, failure, ...) \
    type name parameters { if (fails(#name)) return failure; type (*call) parameters = (type (*) parameters)real(#name); return call(__VA_ARGS__); }

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    unsigned mode = va_arg(rest, unsigned);
    va_end(rest);
    note("open", flags, mode, 0);
    if (fails("open")) return errno ? -1 : 0; /* descriptor 0 is what a process without a standard input is given */
    return ((int (*)(const char *, int, ...))real("open"))(path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    note("ioctl", (long)request, 0, 0);
    if (fails("ioctl")) return -1;
    struct { long from; unsigned long at, n, where; } *range = argument;
    if (request == 0x4020940D /* FICLONERANGE */ && range->n > 0)
    {
        if (lies("ioctl", "nothing")) return 0;
        if (lies("ioctl", "half")) range->n = range->n / 2 / 65536 * 65536;
        if (lies("ioctl", "elsewhere")) range->where = 0;
        if (range->n == 0) return 0;
    }

    struct stat s;
    if (device_bytes > 0 && request == 0x80081272 /* BLKGETSIZE64 */) { *(unsigned long *)argument = device_bytes; return 0; }
    if (posing.bytes > 0 && request == 0x80081272 && fstat(fd, &s) == 0 && s.st_dev == posing.device && s.st_ino == posing.inode) { *(unsigned long *)argument = posing.bytes; return 0; }
    return ((int (*)(int, unsigned long, ...))real("ioctl"))(fd, request, argument);
}

/* It returns the error. */
int posix_fadvise64(int fd, off64_t offset, off64_t length, int advice)
{
    note("posix_fadvise64", offset, length, advice);
    if (fails("posix_fadvise64")) return errno;
    return ((int (*)(int, off64_t, off64_t, int))real("posix_fadvise64"))(fd, offset, length, advice);
}

ssize_t pread64(int fd, void *b, size_t n, off64_t o)
{
    note("pread64", (long)b, (long)n, o);
    if (fails("pread64")) return errno ? -1 : 0;
    return ((ssize_t (*)(int, void *, size_t, off64_t))real("pread64"))(fd, b, most("pread64", n), o);
}

CALL(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), errno ? -1 : 0, fd, b, most("pwrite64", n), o)

ssize_t read(int fd, void *b, size_t n)
{
    note("read", fd, (long)n, 0);
    if (fails("read")) return -1;
    return ((ssize_t (*)(int, void *, size_t))real("read"))(fd, b, most("read", n));
}

int statx(int d, const char *p, int f, unsigned m, struct statx *s)
{
    note("statx", f, m, 0);
    if (fails("statx")) return -1;
    int r = ((int (*)(int, const char *, int, unsigned, struct statx *))real("statx"))(d, p, f, m, s);
    if (r == 0 && strcmp("statx", fault.call) == 0 && fault.most > 0) s->stx_mask &= ~STATX_BTIME; /* the time stays, and means nothing */
    if (r == 0 && owner > 0 && *p) s->stx_uid = owner;
    if (r == 0 && preferred_bytes > 0) s->stx_blksize = preferred_bytes;
    if (r == 0 && device_bytes > 0) s->stx_mode = (s->stx_mode & ~S_IFMT) | S_IFBLK;
    if (r == 0 && posing.bytes > 0 && s->stx_ino == posing.inode && makedev(s->stx_dev_major, s->stx_dev_minor) == posing.device)
    {
        s->stx_mode = (s->stx_mode & ~S_IFMT) | S_IFBLK;
        s->stx_rdev_minor = s->stx_ino;
    }

    return r;
}

int statvfs64(const char *p, struct statvfs64 *s)
{
    if (fails("statvfs64")) return -1;
    int r = ((int (*)(const char *, struct statvfs64 *))real("statvfs64"))(p, s);
    if (r == 0 && free_units > 0) s->f_frsize = s->f_bavail = free_units;
    return r;
}

CALL(int, statfs64, (const char *p, void *s), -1, p, s)

ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *where, size_t n, unsigned f)
{
    note("copy_file_range", *at, (long)n, *where);
    if (fails("copy_file_range")) return errno ? -1 : 0;
    ssize_t (*call)(int, off64_t *, int, off64_t *, size_t, unsigned) = (ssize_t (*)(int, off64_t *, int, off64_t *, size_t, unsigned))real("copy_file_range");
    if (n == 0) return call(from, at, to, where, n, f);
    if (lies("copy_file_range", "nothing")) return n;
    if (lies("copy_file_range", "half")) return call(from, at, to, where, n / 2, f) < 0 ? -1 : (ssize_t)n;
    if (lies("copy_file_range", "elsewhere")) *where = 0;
    if (lies("copy_file_range", "short")) n = n / 2 + 1;
    return call(from, at, to, where, most("copy_file_range", n), f);
}

CALL(int, fsync, (int fd), -1, fd)
CALL(int, fdatasync, (int fd), -1, fd)
CALL(int, sync_file_range, (int fd, off64_t o, off64_t n, unsigned f), -1, fd, o, n, f)
/* The real one is made as well: a close that fails has closed. But the standard input of the tests stays. */
int close(int fd) { int failed = fails("close"), error = errno, r = fd == 0 ? 0 : ((int (*)(int))real("close"))(fd); if (failed) { errno = error; return -1; } return r; }
int closedir(DIR *d) { int failed = fails("closedir"), error = errno, r = ((int (*)(DIR *))real("closedir"))(d); if (failed) { errno = error; return -1; } return r; }
CALL(int, ftruncate64, (int fd, off64_t n), -1, fd, n)

/* With an error of 0 the limit is its answer. */
off64_t lseek64(int fd, off64_t o, int w)
{
    if (fails("lseek64")) return errno ? -1 : fault.most;
    return ((off64_t (*)(int, off64_t, int))real("lseek64"))(fd, o, w);
}


/* With an error of 0 it says that it was done. */
int fallocate64(int fd, int m, off64_t o, off64_t n)
{
    note("fallocate64", m, o, n);
    if (fails("fallocate64")) return errno ? -1 : 0;
    return ((int (*)(int, int, off64_t, off64_t))real("fallocate64"))(fd, m, o, n);
}

/* With an error of 0 it goes through, and somebody has removed the directory before. */
int flock(int fd, int operation)
{
    if (fails("flock"))
    {
        if (fault.error || strcmp("flock", fault.call) != 0) return -1;
        char link[32], path[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length < 0) return -1;
        path[length] = 0;
        if (((int (*)(const char *))real("rmdir"))(path) != 0) return -1;
    }

    return ((int (*)(int, int))real("flock"))(fd, operation);
}

/* With a limit above 0 it is made before the call fails. */
int mkdir(const char *p, mode_t m)
{
    int (*call)(const char *, mode_t) = (int (*)(const char *, mode_t))real("mkdir");
    if (strcmp("mkdir", fault.call) == 0 && fault.most > 0) call(p, m);
    return fails("mkdir") ? -1 : call(p, m);
}

int renameat2(int a, const char *p, int b, const char *q, unsigned f)
{
    note("renameat2", f, 0, 0);
    if (fails("renameat2")) return -1;
    return ((int (*)(int, const char *, int, const char *, unsigned))real("renameat2"))(a, p, b, q, f);
}

CALL(int, access, (const char *p, int m), -1, p, m)
CALL(int, pipe2, (int *e, int f), -1, e, f)
CALL(int, memfd_create, (const char *n, unsigned f), -1, n, f)
CALL(int, sigaction, (int n, const void *a, void *p), -1, n, a, p)
CALL(int, waitid, (int t, unsigned n, void *i, int o), -1, t, n, i, o)

int fcntl(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    long argument = va_arg(rest, long);
    va_end(rest);
    note("fcntl", command, argument, 0);
    if (fails("fcntl")) return -1;
    return ((int (*)(int, int, ...))real("fcntl"))(fd, command, argument);
}

/* It returns the error. */
int posix_spawn(int *id, const char *p, const void *actions, const void *attributes, char *const *arguments, char *const *environment)
{
    if (fails("posix_spawn")) return everywhere.error;
    return ((int (*)(int *, const char *, const void *, const void *, char *const *, char *const *))real("posix_spawn"))(id, p, actions, attributes, arguments, environment);
}

CALL(int, kill, (int n, int s), -1, n, s)
CALL(int, shutdown, (int fd, int how), -1, fd, how)
CALL(int, unlink, (const char *p), -1, p)
CALL(int, rmdir, (const char *p), -1, p)
CALL(int, chmod, (const char *p, unsigned m), -1, p, m)
CALL(DIR *, opendir, (const char *p), 0, p)
CALL(struct dirent64 *, readdir64, (DIR *d), 0, d)
