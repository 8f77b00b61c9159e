namespace Sealift.Analyzers.Tests;

/// <summary>SLA004: native functions stand where they are looked for, one in a file, and take open files as handles.</summary>
public sealed class NativeDeclarationTests
{
    private const string Fsync = "static class Libc { [DllImport(\"libc\")] /*SLA004*/ public static extern int fsync(SafeHandle file); }";

    [Fact]
    public Task Outside_of_the_native_folders_none_is_declared() => Snippet.CheckAsync(Fsync, nativeAllowed: false);

    [Fact]
    public Task In_an_allowed_folder_they_are() => Snippet.CheckAsync(Fsync.Replace("/*SLA004*/", "", StringComparison.Ordinal));

    [Fact]
    public Task A_local_function_is_no_hiding_place() => Snippet.CheckAsync("""
        class C
        {
            int M()
            {
                return getpid();
                [DllImport("libc")] /*SLA004*/ static extern int getpid();
            }
        }
        """, nativeAllowed: false);

    [Fact]
    public Task A_file_has_one_native_function() => Snippet.CheckAsync("""
        static partial class Libc
        {
            [LibraryImport("libc", EntryPoint = "getpid")] internal static partial int GetPid();
            [LibraryImport("libc", EntryPoint = "getppid")]
            /*SLA004*/ internal static partial int GetParent();
            internal static int Both() => GetPid() + GetParent();
        }
        static class Other { [DllImport("libc")] /*SLA004*/ internal static extern int getuid(); }
        """);

    [Theory]
    [InlineData("int fsync(int fd)")]
    [InlineData("int fsync(int file)")] // whatever it is called: the manual says what it is
    [InlineData("nint pread64(int file, byte* buffer, nuint count, long offset)")]
    [InlineData("int ioctl(IntPtr file, nuint request, void* argument)")]
    [InlineData("int fstat(int openFile, byte* result)")]
    [InlineData("int something(string path, int outFd)")]
    [InlineData("int something(int fileDescriptor)")]
    [InlineData("int something(nint fileHandle)")]
    [InlineData("int fsync(int directory)")] // a directory is an open file, too, but for those calls that take AT_FDCWD
    public Task An_open_file_is_no_number(string signature) => CheckSignatureAsync(signature, expected: true);

    [Theory]
    [InlineData("int fsync(SafeHandle fd)")]
    [InlineData("int close(int fd)")] // it ends the handle
    [InlineData("int open(string path, int flags, uint mode)")]
    [InlineData("int kill(int processId, int signal)")]
    [InlineData("int renameat2(int oldDirectory, string oldPath, int newDirectory, string newPath, uint flags)")]
    [InlineData("int statx(int directory, string path, int flags, uint mask, byte* result)")]
    [InlineData("int openat(int dirfd, string path, int flags, uint mode)")]
    [InlineData("int posix_spawn_file_actions_adddup2(byte* actions, int fd, int newFd)")] // numbers in the child
    public Task What_is_no_open_file_of_ours_may_be_a_number(string signature) => CheckSignatureAsync(signature, expected: false);

    [Fact]
    public Task The_name_that_counts_is_the_library_s() => Snippet.CheckAsync("""
        static class Libc { [DllImport("libc", EntryPoint = "fdatasync")] /*SLA004*/ internal static extern int Flush(int file); }
        """);

    private static Task CheckSignatureAsync(string signature, bool expected)
    {
        var (type, rest) = (signature.Split(' ')[0], signature[signature.IndexOf(' ', StringComparison.Ordinal)..]);
        return Snippet.CheckAsync($"static unsafe class Libc {{ [DllImport(\"libc\")] {(expected ? "/*SLA004*/" : "")} internal static extern {type}{rest}; }}");
    }
}
