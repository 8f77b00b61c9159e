// Death at a call, as a library for LD_PRELOAD: the N-th call by which a process changes what is stored (or sends to a server) is its
// last. Counted over all threads of the process, so that a number names the same call in every run as far as the threads' order allows.
//
//   KILL_PROGRAM   name of the program that is meant; others (children) are left alone
//   KILL_AT        number of the call, from 1; 0: none, and the calls are only counted
//   KILL_MOMENT    before, after, or half: a write transfers the first half of its bytes before the process dies
//   KILL_LOG       file that gets a line for each call: number, name, path
//   KILL_FORGET    with a number: the machine loses power too. What was written and not synced is taken back, page by page as chance
//                  (seeded by the number) will have it, and so are names in directories that were not synced
//   KILL_STASH     with KILL_FORGET: a directory on the same file system, for files that lose their names
//
//   gcc -shared -fPIC -O1 -pthread -o kill-at.so kill-at.c
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum moment { BEFORE, HALF, AFTER };

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pid_t owner;
static long kill_at, count;
static enum moment moment;
static int log_fd = -1;
static int forgets;
static uint64_t chance;
static char stash[512];
static long stashed;

static void give_up(const char *why)
{
    dprintf(2, "kill-at: %s: %s\n", why, strerror(errno));
    _exit(99);
}

__attribute__((constructor)) static void start(void)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *program = getenv("KILL_PROGRAM"), *at = getenv("KILL_AT"), *log = getenv("KILL_LOG"), *when = getenv("KILL_MOMENT"), *forget = getenv("KILL_FORGET");
    if (n <= 0 || !program || !at) return;
    exe[n] = 0;
    const char *name = strrchr(exe, '/');
    if (!name || strcmp(name + 1, program) != 0) return;
    owner = getpid();
    kill_at = atol(at);
    moment = when && strcmp(when, "after") == 0 ? AFTER : when && strcmp(when, "half") == 0 ? HALF : BEFORE;
    if (log && (log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0) give_up("log");
    if (!forget) return;
    forgets = 1;
    chance = strtoull(forget, NULL, 10) * 2654435761u + 88172645463325252u;
    snprintf(stash, sizeof stash, "%s", getenv("KILL_STASH") ? getenv("KILL_STASH") : "");
    if (mkdir(stash, 0700) != 0) give_up("stash");
}

static uint64_t roll(void) // xorshift64
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    return chance ^= chance << 17;
}

// ---- what would be lost -------------------------------------------------------------------------------------------------------

enum { PAGE = 4096 };

struct page { // a page as it was when it was last synced
    struct page *next;
    off_t offset;
    size_t length; // less at the end of the file, 0 behind it
    char bytes[PAGE];
};

struct file { // with writes that were not synced
    struct file *next;
    dev_t device;
    ino_t inode;
    int fd; // our own, for reading and writing
    off_t synced_length;
    struct page *pages;
};

struct name { // a change of a directory that was not synced
    struct name *earlier;
    enum { MADE, REMOVED, RENAMED } kind;
    int is_directory;
    char from[1024], to[1024], kept[1024]; // kept: another name of the file that lost its name, or empty
    dev_t device;
    ino_t inode; // of the directory
};

static struct file *files;
static struct name *names;

static struct file *find(dev_t device, ino_t inode)
{
    for (struct file *f = files; f; f = f->next)
        if (f->device == device && f->inode == inode) return f;
    return NULL;
}

static void remember_range(int fd, off_t from, off_t to)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return;
    struct file *f = find(facts.st_dev, facts.st_ino);
    if (!f) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        f = calloc(1, sizeof *f);
        *f = (struct file){ .next = files, .device = facts.st_dev, .inode = facts.st_ino, .synced_length = facts.st_size };
        if ((f->fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0)) < 0) give_up("reopen");
        files = f;
    }
    for (off_t at = from / PAGE * PAGE; at < to; at += PAGE) {
        struct page *p = f->pages;
        while (p && p->offset != at) p = p->next;
        if (p) continue;
        p = calloc(1, sizeof *p);
        p->offset = at;
        ssize_t n = syscall(SYS_pread64, f->fd, p->bytes, PAGE, at);
        if (n < 0) give_up("read before a write");
        p->length = (size_t)n;
        p->next = f->pages;
        f->pages = p;
    }
}

static void is_synced(int fd)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0) return;
    if (S_ISDIR(facts.st_mode)) {
        for (struct name **at = &names; *at;) {
            if ((*at)->device == facts.st_dev && (*at)->inode == facts.st_ino) {
                struct name *gone = *at;
                *at = gone->earlier;
                if (gone->kept[0]) syscall(SYS_unlinkat, AT_FDCWD, gone->kept, 0);
                free(gone);
            } else at = &(*at)->earlier;
        }
        return;
    }
    struct file *f = find(facts.st_dev, facts.st_ino);
    if (!f) return;
    for (struct page *p = f->pages; p;) {
        struct page *next = p->next;
        free(p);
        p = next;
    }
    f->pages = NULL;
    f->synced_length = facts.st_size;
}

static void remember_name(int kind, const char *from, const char *to, const char *kept, int is_directory)
{
    struct name *n = calloc(1, sizeof *n);
    n->kind = kind;
    n->is_directory = is_directory;
    snprintf(n->from, sizeof n->from, "%s", from);
    snprintf(n->to, sizeof n->to, "%s", to ? to : "");
    snprintf(n->kept, sizeof n->kept, "%s", kept ? kept : "");
    char parent[1024];
    snprintf(parent, sizeof parent, "%s", to ? to : from);
    char *slash = strrchr(parent, '/');
    if (slash) *(slash == parent ? slash + 1 : slash) = 0;
    else strcpy(parent, ".");
    struct stat facts;
    if (stat(parent, &facts) != 0) give_up("directory");
    n->device = facts.st_dev;
    n->inode = facts.st_ino;
    n->earlier = names;
    names = n;
}

// Another name for a file that is about to lose the one that it has.
static void keep(const char *path, char *kept)
{
    kept[0] = 0;
    char to[1024];
    snprintf(to, sizeof to, "%s/%ld", stash, ++stashed);
    if (linkat(AT_FDCWD, path, AT_FDCWD, to, 0) == 0) strcpy(kept, to);
}

static int is_empty(const char *path)
{
    DIR *directory = opendir(path);
    int entries = 0;
    while (directory && readdir(directory)) entries++;
    if (directory) closedir(directory);
    return directory && entries == 2;
}

static void lose_power(void)
{
    uint64_t mood = roll() % 3; // everything that can be lost is; nothing but what chance takes; names stay and content does not
    for (struct file *f = files; f; f = f->next) {
        struct stat facts;
        if (fstat(f->fd, &facts) != 0) give_up("stat");
        for (struct page *p = f->pages; p; p = p->next) {
            if (p->offset >= facts.st_size || (mood == 1 && roll() % 2)) continue;
            char old[PAGE] = { 0 };
            memcpy(old, p->bytes, p->length);
            size_t length = facts.st_size - p->offset < PAGE ? (size_t)(facts.st_size - p->offset) : PAGE;
            if (syscall(SYS_pwrite64, f->fd, old, length, p->offset) != (ssize_t)length) give_up("take back a write");
        }
        if (facts.st_size != f->synced_length && (mood == 0 || roll() % 2) && syscall(SYS_ftruncate, f->fd, f->synced_length) != 0) give_up("take back a length");
    }
    long stay = mood == 0 ? 0 : mood == 2 ? -1 : (long)(roll() % 4);
    long left = 0;
    for (struct name *n = names; n; n = n->earlier) left++;
    for (struct name *n = names; n && stay >= 0 && left > stay; n = n->earlier, left--) {
        if (n->kind == MADE) {
            // A directory whose own name was never synced is lost with all that is in it.
            char command[1200];
            if (!n->is_directory) syscall(SYS_unlinkat, AT_FDCWD, n->from, 0);
            else if (syscall(SYS_unlinkat, AT_FDCWD, n->from, AT_REMOVEDIR) != 0 && errno == ENOTEMPTY) {
                snprintf(command, sizeof command, "%s/%ld", stash, ++stashed);
                syscall(SYS_renameat2, AT_FDCWD, n->from, AT_FDCWD, command, 0);
            }
        } else if (n->kind == REMOVED) {
            if (n->kept[0]) syscall(SYS_renameat2, AT_FDCWD, n->kept, AT_FDCWD, n->from, 0);
        } else {
            syscall(SYS_renameat2, AT_FDCWD, n->to, AT_FDCWD, n->from, 0);
            if (n->kept[0]) syscall(SYS_renameat2, AT_FDCWD, n->kept, AT_FDCWD, n->to, 0);
        }
    }
}

// ---- counting -----------------------------------------------------------------------------------------------------------------

static void die(void)
{
    if (forgets) lose_power();
    kill(owner, SIGKILL);
    for (;;) pause();
}

// Takes the gate. Whether this call is the last one.
static int enter(const char *call, int fd, const char *path)
{
    char link[64], target[2048];
    if (!path) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, target, sizeof target - 1);
        target[n > 0 ? n : 0] = 0;
        path = target;
    }
    pthread_mutex_lock(&gate);
    int last = ++count == kill_at;
    if (log_fd >= 0) {
        char line[2200];
        int n = snprintf(line, sizeof line, "%ld %s %s\n", count, call, path);
        if (syscall(SYS_write, log_fd, line, n) != n) give_up("log");
    }
    if (last && moment == BEFORE) die();
    return last;
}

static void leave(int last)
{
    if (last) die();
    pthread_mutex_unlock(&gate);
}

static int is_ours(void)
{
    return owner != 0 && getpid() == owner; // not between fork and exec
}

// Files and devices; and sockets, behind which a server stores.
static int stores(int fd)
{
    struct stat facts;
    return is_ours() && fstat(fd, &facts) == 0 && (S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode) || S_ISDIR(facts.st_mode));
}

#define REAL(name, type, ...)                                             \
    static type (*real)(__VA_ARGS__);                                     \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define COUNTED(name, fd, path, call)                                     \
    do {                                                                  \
        int last = enter(name, fd, path);                                 \
        __typeof__(call) result = call;                                   \
        int error = errno;                                                \
        leave(last);                                                      \
        errno = error;                                                    \
        return result;                                                    \
    } while (0)

static size_t share(int last, size_t length)
{
    if (!last || moment != HALF || length < 2) return length;
    return length >= 2 * PAGE ? length / 2 / PAGE * PAGE : length / 2;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
    REAL(pwrite64, ssize_t, int, const void *, size_t, off_t);
    if (!stores(fd)) return real(fd, bytes, length, offset);
    int last = enter("pwrite", fd, NULL);
    if (forgets) remember_range(fd, offset, offset + (off_t)length);
    ssize_t n = real(fd, bytes, share(last, length), offset);
    int error = errno;
    leave(last);
    errno = error;
    return n;
}

ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length, unsigned flags)
{
    REAL(copy_file_range, ssize_t, int, off_t *, int, off_t *, size_t, unsigned);
    if (length == 0 || !to_offset || !stores(to)) return real(from, from_offset, to, to_offset, length, flags);
    int last = enter("copy_file_range", to, NULL);
    if (forgets) remember_range(to, *to_offset, *to_offset + (off_t)length);
    ssize_t n = real(from, from_offset, to, to_offset, share(last, length), flags);
    int error = errno;
    leave(last);
    errno = error;
    return n;
}

// Of all ioctls only the one that stores: FICLONERANGE. All or nothing, it has no middle.
int ioctl(int fd, unsigned long request, ...)
{
    REAL(ioctl, int, int, unsigned long, void *);
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    const struct file_clone_range *range = argument;
    if (request != FICLONERANGE || range->src_length == 0 || !stores(fd)) return real(fd, request, argument);
    int last = enter("ficlonerange", fd, NULL);
    if (forgets) remember_range(fd, (off_t)range->dest_offset, (off_t)(range->dest_offset + range->src_length));
    int result = real(fd, request, argument);
    int error = errno;
    leave(last);
    errno = error;
    return result;
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    REAL(write, ssize_t, int, const void *, size_t);
    if (!stores(fd)) return real(fd, bytes, length);
    int last = enter("write", fd, NULL);
    if (forgets) {
        off_t at = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
        if (at >= 0) remember_range(fd, at, at + (off_t)length);
    }
    ssize_t n = real(fd, bytes, share(last, length));
    int error = errno;
    leave(last);
    errno = error;
    return n;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    REAL(send, ssize_t, int, const void *, size_t, int);
    if (!is_ours()) return real(fd, bytes, length, flags);
    int last = enter("send", fd, NULL);
    ssize_t n = real(fd, bytes, share(last, length), flags);
    int error = errno;
    leave(last);
    errno = error;
    return n;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg, ssize_t, int, const struct msghdr *, int);
    if (!is_ours()) return real(fd, message, flags);
    COUNTED("sendmsg", fd, NULL, real(fd, message, flags));
}

static int sync_with(int (*real)(int), const char *name, int fd)
{
    int last = enter(name, fd, NULL);
    int result = real(fd);
    int error = errno;
    if (forgets && result == 0) is_synced(fd);
    leave(last);
    errno = error;
    return result;
}

int fsync(int fd)
{
    REAL(fsync, int, int);
    return stores(fd) ? sync_with(real, "fsync", fd) : real(fd);
}

int fdatasync(int fd)
{
    REAL(fdatasync, int, int);
    return stores(fd) ? sync_with(real, "fdatasync", fd) : real(fd);
}

int ftruncate64(int fd, off_t length)
{
    REAL(ftruncate64, int, int, off_t);
    if (!stores(fd)) return real(fd, length);
    int last = enter("ftruncate", fd, NULL);
    struct stat facts;
    if (forgets && fstat(fd, &facts) == 0) remember_range(fd, length, length < facts.st_size ? facts.st_size : length);
    int result = real(fd, length);
    int error = errno;
    leave(last);
    errno = error;
    return result;
}

int ftruncate(int fd, off_t length)
{
    return ftruncate64(fd, length);
}

int fallocate64(int fd, int mode, off_t offset, off_t length)
{
    REAL(fallocate64, int, int, int, off_t, off_t);
    if (!stores(fd)) return real(fd, mode, offset, length);
    int last = enter("fallocate", fd, NULL);
    if (forgets) remember_range(fd, offset, offset + length);
    int result = real(fd, mode, offset, length);
    int error = errno;
    leave(last);
    errno = error;
    return result;
}

int close(int fd)
{
    REAL(close, int, int);
    if (!stores(fd) || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) return real(fd);
    COUNTED("close", fd, NULL, real(fd));
}

static int open_with(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
    if (!is_ours() || !(flags & O_CREAT)) return real(path, flags, mode);
    int last = enter("open", -1, path);
    int is_new = forgets && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    int fd = real(path, flags, mode);
    int error = errno;
    if (is_new && fd >= 0) remember_name(MADE, path, NULL, NULL, 0);
    leave(last);
    errno = error;
    return fd;
}

int open(const char *path, int flags, ...)
{
    REAL(open, int, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t); // undefined where there is none, and ignored then
    va_end(rest);
    return open_with(real, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    REAL(open64, int, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return open_with(real, path, flags, mode);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir, int, const char *, mode_t);
    if (!is_ours()) return real(path, mode);
    int last = enter("mkdir", -1, path);
    int result = real(path, mode);
    int error = errno;
    if (forgets && result == 0) remember_name(MADE, path, NULL, NULL, 1);
    leave(last);
    errno = error;
    return result;
}

int rmdir(const char *path)
{
    REAL(rmdir, int, const char *);
    if (!is_ours()) return real(path);
    int last = enter("rmdir", -1, path);
    // Moved aside rather than removed: should it come back, then as what it was.
    char kept[1024] = "";
    if (forgets && is_empty(path)) {
        snprintf(kept, sizeof kept, "%s/%ld", stash, ++stashed);
        if (syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, kept, 0) != 0) kept[0] = 0;
    }
    int result = kept[0] ? 0 : real(path);
    int error = errno;
    if (forgets && result == 0) remember_name(REMOVED, path, NULL, kept, 1);
    leave(last);
    errno = error;
    return result;
}

int unlink(const char *path)
{
    REAL(unlink, int, const char *);
    if (!is_ours()) return real(path);
    int last = enter("unlink", -1, path);
    char kept[1024] = "";
    if (forgets) keep(path, kept);
    int result = real(path);
    int error = errno;
    if (forgets && result == 0) remember_name(REMOVED, path, NULL, kept, 0);
    leave(last);
    errno = error;
    return result;
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
    REAL(renameat2, int, int, const char *, int, const char *, unsigned);
    if (!is_ours()) return real(from_directory, from, to_directory, to, flags);
    int last = enter("renameat2", -1, to);
    char kept[1024] = "";
    if (forgets) keep(to, kept);
    int result = real(from_directory, from, to_directory, to, flags);
    int error = errno;
    if (forgets && result == 0) remember_name(RENAMED, from, to, kept, 0);
    leave(last);
    errno = error;
    return result;
}

int chmod(const char *path, mode_t mode)
{
    REAL(chmod, int, const char *, mode_t);
    if (!is_ours()) return real(path, mode);
    COUNTED("chmod", -1, path, real(path, mode));
}

// .NET looks its system calls up by name in libc itself, past what is preloaded: answer for it.
void *dlsym(void *handle, const char *name)
{
    static void *(*real)(void *, const char *);
    if (!real) real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    static const struct { const char *name; void *function; } ours[] = {
        { "pwrite64", (void *)pwrite64 }, { "copy_file_range", (void *)copy_file_range }, { "write", (void *)write }, { "fsync", (void *)fsync }, { "fdatasync", (void *)fdatasync },
        { "ftruncate", (void *)ftruncate }, { "ftruncate64", (void *)ftruncate64 }, { "fallocate64", (void *)fallocate64 }, { "close", (void *)close },
        { "open", (void *)open }, { "open64", (void *)open64 }, { "mkdir", (void *)mkdir }, { "rmdir", (void *)rmdir }, { "unlink", (void *)unlink },
        { "renameat2", (void *)renameat2 }, { "ioctl", (void *)ioctl }, { "chmod", (void *)chmod },
    };
    for (size_t i = 0; handle != RTLD_NEXT && i < sizeof ours / sizeof *ours; i++)
        if (strcmp(name, ours[i].name) == 0) return ours[i].function;
    return real(handle, name);
}
