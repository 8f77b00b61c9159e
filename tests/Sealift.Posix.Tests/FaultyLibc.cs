using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sealift.Posix.Tests;

/// <summary>
/// Makes one system call of the present thread fail, do less, or be interrupted: the assembly under test gets tests/rigs/faulty-libc.c in
/// place of libc. Nothing else in the process, the runtime included, sees it.
/// </summary>
internal sealed partial class FaultyLibc : IDisposable
{
    private const string Library = "sealift-faulty-libc";
    private static nint loaded;
    [ThreadStatic]
    private static Action? meanwhile;

    private readonly bool isEverywhere;

    private FaultyLibc(bool isEverywhere = false) => this.isEverywhere = isEverywhere;

    /// <summary>How often the call was made since it was armed.</summary>
    public static int Count => CountCalls();

    /// <summary>Arms a fault until disposed.</summary>
    /// <param name="call">The function of the C library.</param>
    /// <param name="error">What it fails with; 0 makes a transfer return 0, and a directory be removed by somebody else just before it is locked.</param>
    /// <param name="times">How often in a row.</param>
    /// <param name="after">How many calls go through before.</param>
    /// <param name="most">The most bytes that one call transfers; 0 for no limit.</param>
    public static FaultyLibc Arm(string call, Errno error = 0, int times = 0, int after = 0, long most = 0)
    {
        ArmFault(call, (int)error, times, after, most);
        return new FaultyLibc();
    }

    /// <summary>A number that the armed call was last made with; tests/rigs/faulty-libc.c says which.</summary>
    public static long Argument(int index) => LastArgument(index);

    /// <summary>Makes every file a block device of so many bytes until disposed.</summary>
    public static FaultyLibc Device(ulong lengthBytes)
    {
        BeDevice(lengthBytes);
        return new FaultyLibc();
    }

    /// <summary>Makes every file system have so many free units of so many bytes until disposed.</summary>
    public static FaultyLibc Free(ulong units)
    {
        HaveFree(units);
        return new FaultyLibc();
    }

    /// <summary>Makes whatever is looked at by its name belong to another user until disposed.</summary>
    public static FaultyLibc Owner(uint user)
    {
        BeOwnedBy(user);
        return new FaultyLibc();
    }

    /// <summary>Makes every file system prefer I/O of so many bytes until disposed.</summary>
    public static FaultyLibc Prefers(ulong bytes)
    {
        PreferBytes(bytes);
        return new FaultyLibc();
    }

    /// <summary>Makes one file a block device of so many bytes until disposed, on every thread. Only where no other test runs beside this one.</summary>
    public static FaultyLibc Device(string path, ulong lengthBytes)
    {
        if (Pose(path, lengthBytes) != 0) throw new FileNotFoundException("no file can pose as a device", path);
        return new FaultyLibc(isEverywhere: true);
    }

    /// <summary>Does something before each call of a name that the present thread makes, until disposed: what another program might do just then. It may arm the call anew.</summary>
    public static FaultyLibc Meanwhile(string call, Action<int> action)
    {
        var count = 0;
        meanwhile = () => action(++count);
        ArmFault(call, 0, 0, 0, 0);
        unsafe
        {
            CallMeanwhile(&OnCall);
        }

        return new FaultyLibc();
    }

    /// <summary>Arms the fault of the present thread from within <see cref="Meanwhile"/>.</summary>
    public static void Rearm(string call, Errno error, int times) => ArmFault(call, (int)error, times, 0, 0);

    /// <summary>
    /// Makes a call fail on every thread until disposed: each one, or, where it is not negative, only the one before which so many were
    /// made. Only where no other test runs beside this one.
    /// </summary>
    public static FaultyLibc Everywhere(string call, Errno error, int only = -1)
    {
        ArmEverywhere(call, (int)error, only);
        return new FaultyLibc(isEverywhere: true);
    }

    /// <summary>Changes a file (its time of change) just before the call of a name before which so many were made, on whatever thread. Only where no other test runs beside this one.</summary>
    public static FaultyLibc Touching(string path, string call, int only)
    {
        ArmEverywhere(call, 0, only);
        TouchEverywhere(path);
        return new FaultyLibc(isEverywhere: true);
    }

    /// <summary>How often the call that fails everywhere was made since.</summary>
    public static int EverywhereCount => CountEverywhere();

    /// <summary>
    /// Makes a storage that copies by itself lie on every thread until disposed: it does <c>nothing</c>, copies the first <c>half</c>, or
    /// copies <c>elsewhere</c> (to the beginning of the target), and says that all is done; or it does half and says so (<c>short</c>).
    /// Only where no other test runs beside this one.
    /// </summary>
    public static FaultyLibc Lying(string call, string kind)
    {
        ArmLie(call, kind);
        return new FaultyLibc(isEverywhere: true);
    }

    /// <summary>How often it lied.</summary>
    public static int Lies => CountLies();

    public void Dispose()
    {
        if (isEverywhere)
        {
            ArmLie(string.Empty, string.Empty);
            ArmEverywhere(string.Empty, 0, -1);
            _ = Pose(string.Empty, 0); // nothing poses any more, which cannot fail
            return;
        }

        ArmFault(string.Empty, 0, 0, 0, 0);
        BeDevice(0);
        HaveFree(0);
        BeOwnedBy(0);
        PreferBytes(0);
        unsafe
        {
            CallMeanwhile(null);
        }
    }

    [ModuleInitializer]
    internal static void Load()
    {
        // This program as somebody else's parent runs no tests, and may be unable to hear of gcc's end: signals are blocked there on purpose.
        if (Environment.GetCommandLineArgs().Contains("--as-parent")) return;
        var directory = Directory.CreateTempSubdirectory("sealift-libc-").FullName;
        try
        {
            var built = Path.Combine(directory, "faulty-libc.so");
            // Before the first test, and so before any call of ours: ChildProcess would already need the real library.
            using var gcc = Process.Start("gcc", ["-shared", "-fPIC", "-O1", "-o", built, Source()]);
            gcc.WaitForExit();
            if (gcc.ExitCode != 0) throw new InvalidOperationException($"gcc ended with {gcc.ExitCode}");
            loaded = NativeLibrary.Load(built);
        }
        finally
        {
            Directory.Delete(directory, recursive: true); // mapped by now
        }

        NativeLibrary.SetDllImportResolver(typeof(PosixFile).Assembly, Resolve);
        NativeLibrary.SetDllImportResolver(typeof(FaultyLibc).Assembly, Resolve);
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name is "libc" or Library ? loaded : 0;

    private static string Source([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "rigs", "faulty-libc.c");

    [LibraryImport(Library, EntryPoint = "fault_arm", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void ArmFault(string call, int error, int times, int after, long most);

    [LibraryImport(Library, EntryPoint = "fault_lie", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void ArmLie(string call, string kind);

    [LibraryImport(Library, EntryPoint = "fault_lies")]
    private static partial int CountLies();

    [LibraryImport(Library, EntryPoint = "fault_count")]
    private static partial int CountCalls();

    [LibraryImport(Library, EntryPoint = "fault_everywhere_only", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void ArmEverywhere(string call, int error, int only);

    [LibraryImport(Library, EntryPoint = "fault_everywhere_touch", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void TouchEverywhere(string path);

    [LibraryImport(Library, EntryPoint = "fault_everywhere_count")]
    private static partial int CountEverywhere();

    [LibraryImport(Library, EntryPoint = "fault_preferred")]
    private static partial void PreferBytes(ulong bytes);

    [LibraryImport(Library, EntryPoint = "fault_pose", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Pose(string path, ulong lengthBytes);

    [LibraryImport(Library, EntryPoint = "fault_meanwhile")]
    private static unsafe partial void CallMeanwhile(delegate* unmanaged<void> function);

    [UnmanagedCallersOnly]
    private static void OnCall() => meanwhile!();

    [LibraryImport(Library, EntryPoint = "fault_argument")]
    private static partial long LastArgument(int index);

    [LibraryImport(Library, EntryPoint = "fault_device")]
    private static partial void BeDevice(ulong lengthBytes);

    [LibraryImport(Library, EntryPoint = "fault_free")]
    private static partial void HaveFree(ulong units);

    [LibraryImport(Library, EntryPoint = "fault_owner")]
    private static partial void BeOwnedBy(uint user);
}
