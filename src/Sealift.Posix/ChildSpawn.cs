using System.Runtime.InteropServices;
using System.Threading.Channels;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>
/// Starts processes by posix_spawn(3): in a session and a process group of their own, with every signal at its default and none
/// blocked (the runtime ignores SIGPIPE, and a parent may have left more), and with the descriptors that are named and no other.
/// </summary>
internal static class ChildSpawn
{
    /// <summary>Descriptors below are given to children by number; nothing of ours that is given away lies there.</summary>
    public const int LowestFreeDescriptor = 10;

    // posix_spawnattr_t takes 336 bytes and posix_spawn_file_actions_t 80 in glibc; sigset_t is 128.
    private const int AttributesBytes = 512, ActionsBytes = 256, SignalSetBytes = 128;

    private static readonly Channel<(Func<int> Start, TaskCompletionSource<int> Done)> Requests = Channel.CreateUnbounded<(Func<int>, TaskCompletionSource<int>)>();

    // The kernel sends the parent-death signal when the thread that forked ends, and a pool thread may end at any time: this one lives
    // as long as the process.
    private static readonly Thread Spawner = StartSpawner();

    /// <summary>Starts a process.</summary>
    /// <returns>Its number and 0, or an error number: of posix_spawn(3), which includes those of execve(2).</returns>
    public static (int Id, Errno Error) Start(string path, NativeStrings arguments, NativeStrings environment, string? workingDirectory, IReadOnlyList<(PosixHandle From, int To)> descriptors)
    {
        var error = 0;
        var done = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!Spawner.IsAlive || !Requests.Writer.TryWrite((() => Spawn(path, arguments, environment, workingDirectory, descriptors, out error), done)))
            throw new InvalidOperationException("The child spawner has ended");
        var id = done.Task.GetAwaiter().GetResult();
        return (id, (Errno)error);
    }

    private static Thread StartSpawner()
    {
        SignalDisposition.KeepEndsOfChildren();
        var thread = new Thread(Serve) { IsBackground = true, Name = "child spawner" };
        thread.Start();
        return thread;
    }

    private static void Serve()
    {
        while (Requests.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (Requests.Reader.TryRead(out var request))
            {
                try
                {
                    request.Done.SetResult(request.Start());
                }
#pragma warning disable CA1031 // handed to the caller, whatever it is
                catch (Exception e)
                {
                    request.Done.SetException(e);
                }
#pragma warning restore CA1031
            }
        }
    }

    private static unsafe int Spawn(string path, NativeStrings arguments, NativeStrings environment, string? workingDirectory, IReadOnlyList<(PosixHandle From, int To)> descriptors, out int error)
    {
        const short SetSigDefault = 4, SetSigMask = 8, SetSid = 0x80;
        // 16-byte aligned, as malloc(3)'s results are.
        var attributes = NativeMemory.AllocZeroed(AttributesBytes + ActionsBytes + (2 * SignalSetBytes));
        var actions = (byte*)attributes + AttributesBytes;
        var all = actions + ActionsBytes;
        var none = all + SignalSetBytes;
        NativeMemory.Fill(all, SignalSetBytes, 0xFF);
        try
        {
            using var file = new NativeStrings([path]);
            using var directory = new NativeStrings([workingDirectory ?? string.Empty]);
            Check(Libc.PosixSpawnattrInit(attributes), "posix_spawnattr_init");
            Check(Libc.PosixSpawnFileActionsInit(actions), "posix_spawn_file_actions_init");
            try
            {
                Check(Libc.PosixSpawnattrSetsigdefault(attributes, all), "posix_spawnattr_setsigdefault");
                Check(Libc.PosixSpawnattrSetsigmask(attributes, none), "posix_spawnattr_setsigmask");
                Check(Libc.PosixSpawnattrSetflags(attributes, SetSigDefault | SetSigMask | SetSid), "posix_spawnattr_setflags");
                for (var fd = 0; fd < LowestFreeDescriptor; fd++)
                {
                    var from = -1;
                    foreach (var given in descriptors)
                        if (given.To == fd) from = (int)given.From.DangerousGetHandle();
                    if (from >= 0) Check(Libc.PosixSpawnFileActionsAdddup2(actions, from, fd), "posix_spawn_file_actions_adddup2");
                    else Check(Libc.PosixSpawnFileActionsAddclose(actions, fd), "posix_spawn_file_actions_addclose"); // that none is open is no error there
                }

                // What we inherited ourselves is not marked to close itself.
                Check(Libc.PosixSpawnFileActionsAddclosefrom(actions, LowestFreeDescriptor), "posix_spawn_file_actions_addclosefrom_np");
                if (workingDirectory is not null) Check(Libc.PosixSpawnFileActionsAddchdir(actions, directory.Pointers[0]), "posix_spawn_file_actions_addchdir_np");
                int id;
                error = Libc.PosixSpawn(&id, file.Pointers[0], actions, attributes, arguments.Pointers, environment.Pointers);
                GC.KeepAlive(descriptors);
                return error == 0 ? id : -1;
            }
            finally
            {
                Check(Libc.PosixSpawnFileActionsDestroy(actions), "posix_spawn_file_actions_destroy");
                Check(Libc.PosixSpawnattrDestroy(attributes), "posix_spawnattr_destroy");
            }
        }
        finally
        {
            NativeMemory.Free(attributes);
        }
    }

    private static void Check(int error, string call)
    {
        if (error != 0) throw new PosixException(call, "a child", (Errno)error);
    }
}
