using Microsoft.CodeAnalysis;

namespace Sealift.Analyzers;

/// <summary>
/// Which parameter of a native function is an open file: one that is called so, and the first one of every call that section 2 of
/// the manual says takes a descriptor, whatever it is called.
/// </summary>
internal static class Descriptor
{
    private static readonly HashSet<string> TakeOneFirst =
    [
        "copy_file_range", "dup", "dup2", "dup3", "fallocate", "fchmod", "fchown", "fcntl", "fdatasync", "fgetxattr", "flock", "fsetxattr", "fstat",
        "fstatfs", "fstatvfs", "fsync", "ftruncate", "futimens", "getdents", "ioctl", "isatty", "lseek", "pidfd_send_signal", "posix_fadvise", "posix_fallocate",
        "pread", "preadv", "preadv2", "process_madvise", "pwrite", "pwritev", "pwritev2", "read", "readahead", "readv", "recv", "recvfrom", "recvmsg", "send",
        "sendfile", "sendmsg", "sendto", "splice", "sync_file_range", "syncfs", "tee", "vmsplice", "write", "writev",
    ];

    /// <summary>Whether a parameter is an open file that is passed as a number.</summary>
    public static bool IsBare(string function, IParameterSymbol parameter)
    {
        if (!IsNumber(parameter.Type)) return false;
        // Close ends a handle, so it cannot take one. The descriptors in a spawned child's list are the child's, and no handle of ours.
        if (function is "close" or "close_range" || function.StartsWith("posix_spawn_file_actions_", StringComparison.Ordinal)) return false;
        var name = parameter.Name.TrimStart('_');
        // AT_FDCWD is no open file: the directory of openat(2), renameat2(2), statx(2) and their like may be a constant.
        if (IsDirectory(name)) return !TakesDirectory(function);
        return IsDescriptorName(name) || (parameter.Ordinal == 0 && TakeOneFirst.Contains(WithoutSize(function)));
    }

    private static bool IsNumber(ITypeSymbol type) =>
        type.SpecialType is SpecialType.System_Int32 or SpecialType.System_UInt32 or SpecialType.System_Int64 or SpecialType.System_IntPtr or SpecialType.System_UIntPtr;

    private static bool IsDescriptorName(string name) =>
        name is "handle" || Ends(name, "fd") || Ends(name, "fildes") || Ends(name, "descriptor") || Ends(name, "fileno") || name.EndsWith("Handle", StringComparison.Ordinal);

    private static bool IsDirectory(string name) => Ends(name, "directory") || name is "dirfd" or "dfd" || name.EndsWith("dirfd", StringComparison.OrdinalIgnoreCase);

    private static bool TakesDirectory(string function) => function is "statx" || WithoutSize(function).TrimEnd('2').EndsWith("at", StringComparison.Ordinal);

    private static bool Ends(string name, string end) => name.EndsWith(end, StringComparison.OrdinalIgnoreCase);

    private static string WithoutSize(string function) => function.EndsWith("64", StringComparison.Ordinal) ? function.Substring(0, function.Length - 2) : function;
}
