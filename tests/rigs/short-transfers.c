// Transfers that are really shorter than asked for, as a library for LD_PRELOAD: the call is made with less, so that whoever takes
// its result for the whole loses bytes. POSIX allows every one of these answers but the last two.
//
//   SHORT_PROGRAM  name of the program that is meant; others (children) are left alone
//   SHORT_BYTES    half, one, odd (4095), or page (4096): what a transfer moves at most; on a file opened with O_DIRECT a multiple of 4096
//   SHORT_EVERY    each n-th call only; 1: always
//   SHORT_EINTR    so many times in a row a call fails with EINTR before it is made
//   SHORT_ZERO     the n-th read from a file whose path ends in SHORT_PATH answers 0 once, although the file goes on
//   SHORT_NOTHING  the n-th write to such a file accepts 0 bytes
//   SHORT_COUNT    file that gets, at the end, the number of calls that were disturbed
//
//   gcc -shared -fPIC -O1 -o short-transfers.so short-transfers.c
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pid_t owner;
static long every, interrupts, zero_at, nothing_at;
static atomic_long calls, disturbed, reads, writes;
static const char *bytes_asked = "", *path_asked = "";
static __thread long interrupted; // in a row, in this thread

static long number(const char *name, long otherwise)
{
    const char *value = getenv(name);
    return value && *value ? atol(value) : otherwise;
}

__attribute__((constructor)) static void start(void)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *program = getenv("SHORT_PROGRAM");
    if (n <= 0 || !program) return;
    exe[n] = 0;
    const char *name = strrchr(exe, '/');
    if (!name || strcmp(name + 1, program) != 0) return;
    every = number("SHORT_EVERY", 1);
    interrupts = number("SHORT_EINTR", 0);
    zero_at = number("SHORT_ZERO", 0);
    nothing_at = number("SHORT_NOTHING", 0);
    if (getenv("SHORT_BYTES")) bytes_asked = getenv("SHORT_BYTES");
    if (getenv("SHORT_PATH")) path_asked = getenv("SHORT_PATH");
    owner = getpid();
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("SHORT_COUNT");
    if (!owner || getpid() != owner || !path) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) dprintf(fd, "%ld\n", atomic_load(&disturbed));
}

static int is_ours(void)
{
    return owner != 0 && getpid() == owner; // not between fork and exec
}

// Files, devices and sockets; not the pipes to children, nor the terminal.
static int concerns(int fd)
{
    struct stat facts;
    return is_ours() && syscall(SYS_newfstatat, fd, "", &facts, 0x1000 /* AT_EMPTY_PATH */) == 0 && (S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode) || S_ISSOCK(facts.st_mode));
}

static int is_path(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    size_t length = strlen(path_asked);
    if (n <= 0 || length == 0 || (size_t)n < length) return 0;
    path[n] = 0;
    return strcmp(path + n - length, path_asked) == 0;
}

// Whether this call fails with EINTR now.
static int is_interrupted(void)
{
    if (interrupts == 0) return 0;
    if (interrupted < interrupts) {
        interrupted++;
        atomic_fetch_add(&disturbed, 1);
        errno = EINTR;
        return 1;
    }
    interrupted = 0;
    return 0;
}

static size_t less(int fd, size_t length)
{
    if (!*bytes_asked || length < 2 || atomic_fetch_add(&calls, 1) % every != 0) return length;
    size_t to = strcmp(bytes_asked, "half") == 0 ? length / 2 : strcmp(bytes_asked, "one") == 0 ? 1 : strcmp(bytes_asked, "odd") == 0 ? 4095 : 4096;
    if (fcntl(fd, F_GETFL) & O_DIRECT) {
        to = to / 4096 * 4096;
        if (to == 0) to = 4096;
    }
    if (to >= length) return length;
    atomic_fetch_add(&disturbed, 1);
    return to;
}

static int ends_early(int fd)
{
    if (zero_at == 0 || !is_path(fd) || atomic_fetch_add(&reads, 1) + 1 != zero_at) return 0;
    atomic_fetch_add(&disturbed, 1);
    return 1;
}

static int accepts_nothing(int fd)
{
    if (nothing_at == 0 || !is_path(fd) || atomic_fetch_add(&writes, 1) + 1 != nothing_at) return 0;
    atomic_fetch_add(&disturbed, 1);
    return 1;
}

#define REAL(name, type, ...)                                             \
    static type (*real)(__VA_ARGS__);                                     \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

ssize_t pread64(int fd, void *bytes, size_t length, off_t offset)
{
    REAL(pread64, ssize_t, int, void *, size_t, off_t);
    if (!concerns(fd)) return real(fd, bytes, length, offset);
    if (is_interrupted()) return -1;
    if (ends_early(fd)) return 0;
    return real(fd, bytes, less(fd, length), offset);
}

ssize_t read(int fd, void *bytes, size_t length)
{
    REAL(read, ssize_t, int, void *, size_t);
    if (!concerns(fd)) return real(fd, bytes, length);
    if (is_interrupted()) return -1;
    if (ends_early(fd)) return 0;
    return real(fd, bytes, less(fd, length));
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
    REAL(pwrite64, ssize_t, int, const void *, size_t, off_t);
    if (!concerns(fd)) return real(fd, bytes, length, offset);
    if (is_interrupted()) return -1;
    if (accepts_nothing(fd)) return 0;
    return real(fd, bytes, less(fd, length), offset);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    REAL(write, ssize_t, int, const void *, size_t);
    if (!concerns(fd)) return real(fd, bytes, length);
    if (is_interrupted()) return -1;
    if (accepts_nothing(fd)) return 0;
    return real(fd, bytes, less(fd, length));
}

// Of several buffers the first alone, and that shortened.
static struct iovec first_of(int fd, const struct iovec *buffers, int count)
{
    struct iovec one = count > 0 ? buffers[0] : (struct iovec){ 0 };
    one.iov_len = less(fd, one.iov_len);
    return one;
}

ssize_t preadv64(int fd, const struct iovec *buffers, int count, off_t offset)
{
    REAL(preadv64, ssize_t, int, const struct iovec *, int, off_t);
    if (!concerns(fd)) return real(fd, buffers, count, offset);
    if (is_interrupted()) return -1;
    struct iovec one = first_of(fd, buffers, count);
    return *bytes_asked ? real(fd, &one, 1, offset) : real(fd, buffers, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *buffers, int count, off_t offset)
{
    REAL(pwritev64, ssize_t, int, const struct iovec *, int, off_t);
    if (!concerns(fd)) return real(fd, buffers, count, offset);
    if (is_interrupted()) return -1;
    struct iovec one = first_of(fd, buffers, count);
    return *bytes_asked ? real(fd, &one, 1, offset) : real(fd, buffers, count, offset);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    REAL(send, ssize_t, int, const void *, size_t, int);
    if (!concerns(fd)) return real(fd, bytes, length, flags);
    if (is_interrupted()) return -1;
    return real(fd, bytes, less(fd, length), flags);
}

ssize_t recv(int fd, void *bytes, size_t length, int flags)
{
    REAL(recv, ssize_t, int, void *, size_t, int);
    if (!concerns(fd)) return real(fd, bytes, length, flags);
    if (is_interrupted()) return -1;
    return real(fd, bytes, less(fd, length), flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg, ssize_t, int, const struct msghdr *, int);
    if (!concerns(fd)) return real(fd, message, flags);
    if (is_interrupted()) return -1;
    if (!*bytes_asked || message->msg_controllen > 0) return real(fd, message, flags);
    struct iovec one = first_of(fd, message->msg_iov, (int)message->msg_iovlen);
    struct msghdr shorter = *message;
    shorter.msg_iov = &one;
    shorter.msg_iovlen = 1;
    return real(fd, &shorter, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    REAL(recvmsg, ssize_t, int, struct msghdr *, int);
    if (!concerns(fd)) return real(fd, message, flags);
    if (is_interrupted()) return -1;
    if (!*bytes_asked || message->msg_controllen > 0) return real(fd, message, flags);
    struct iovec one = first_of(fd, message->msg_iov, (int)message->msg_iovlen);
    struct msghdr shorter = *message;
    shorter.msg_iov = &one;
    shorter.msg_iovlen = 1;
    ssize_t n = real(fd, &shorter, flags);
    message->msg_flags = shorter.msg_flags;
    message->msg_namelen = shorter.msg_namelen;
    return n;
}

ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length, unsigned flags)
{
    REAL(copy_file_range, ssize_t, int, off_t *, int, off_t *, size_t, unsigned);
    if (!concerns(to)) return real(from, from_offset, to, to_offset, length, flags);
    if (is_interrupted()) return -1;
    return real(from, from_offset, to, to_offset, less(to, length), flags);
}

// Calls that transfer nothing and that a signal may end all the same.
#define INTERRUPTIBLE(name, parameters, arguments)                        \
    int name parameters                                                   \
    {                                                                     \
        static int (*real) parameters;                                    \
        if (!real) real = (int (*) parameters)dlsym(RTLD_NEXT, #name);    \
        if (is_ours() && is_interrupted()) return -1;                     \
        return real arguments;                                            \
    }

INTERRUPTIBLE(fsync, (int fd), (fd))
INTERRUPTIBLE(fdatasync, (int fd), (fd))
INTERRUPTIBLE(ftruncate64, (int fd, off_t length), (fd, length))
INTERRUPTIBLE(fallocate64, (int fd, int mode, off_t offset, off_t length), (fd, mode, offset, length))
INTERRUPTIBLE(flock, (int fd, int operation), (fd, operation))

// .NET looks its system calls up by name in libc itself, past what is preloaded: answer for it.
void *dlsym(void *handle, const char *name)
{
    static void *(*real)(void *, const char *);
    if (!real) real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    static const struct { const char *name; void *function; } ours[] = {
        { "pread64", (void *)pread64 }, { "read", (void *)read }, { "pwrite64", (void *)pwrite64 }, { "write", (void *)write },
        { "fsync", (void *)fsync }, { "fdatasync", (void *)fdatasync }, { "ftruncate64", (void *)ftruncate64 }, { "fallocate64", (void *)fallocate64 },
        { "flock", (void *)flock },
    };
    for (size_t i = 0; handle != RTLD_NEXT && i < sizeof ours / sizeof *ours; i++)
        if (strcmp(name, ours[i].name) == 0) return ours[i].function;
    return real(handle, name);
}
