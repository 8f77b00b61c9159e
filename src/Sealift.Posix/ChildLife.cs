using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>
/// Waits for one child and signals it. Its number is its own, and its group's, until it is reaped, and only until then is anything sent
/// to it: a number that has become another's is never hit. It is always reaped, also where nobody asks how it ended.
/// </summary>
internal sealed class ChildLife
{
    private const int SigKill = 9;

    private readonly Lock mutex = new();
    private readonly TaskCompletionSource<ChildEnd> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool reaped;

    public ChildLife(int id)
    {
        Id = id;
        // Blocked in waitid(2) and nothing else: a small stack will do, and no thread of the pool is taken.
        var waiter = new Thread(Wait, maxStackSize: 256 << 10) { IsBackground = true, Name = $"child {id}" };
        try
        {
            waiter.Start();
        }
        catch
        {
            // No thread to be had: then it is ended here.
            KillGroup();
            _ = WaitId(0); // nobody will ask how it ended
            throw;
        }
    }

    /// <summary>The process id.</summary>
    public int Id { get; }

    /// <summary>How it ended, once it has been reaped and everything that was left in its group has been killed.</summary>
    public Task<ChildEnd> Ended => ended.Task;

    /// <summary>Sends a signal to it alone; kill(2).</summary>
    /// <returns>Whether there was anybody to receive it.</returns>
    public bool Signal(int signal) => Send(Id, signal, "process");

    /// <summary>Kills it and everything in its group; kill(2).</summary>
    public void KillGroup() => _ = Send(-Id, SigKill, "process group"); // nobody there: it has ended, which is what was wanted

    private bool Send(int target, int signal, string what)
    {
        lock (mutex)
        {
            if (reaped) return false;
            if (Libc.Kill(target, signal) == 0) return true;
            _ = SystemCalls.Kill.AnswerOrThrow($"{what} {Id}"); // its one answer: nobody is there
            return false;
        }
    }

    private void Wait()
    {
        const int NoWait = 0x01000000; // WNOWAIT: it stays a zombie, and keeps its number
        try
        {
            _ = WaitId(NoWait); // asked again below, where it is reaped
            ChildEnd end;
            lock (mutex)
            {
                try
                {
                    // What it left running in its group would keep the pipes open.
                    KillGroup();
                }
                finally
                {
                    end = WaitId(0);
                    reaped = true;
                }
            }

            ended.SetResult(end);
        }
#pragma warning disable CA1031 // handed to whoever waits, whatever it is
        catch (Exception e)
        {
            lock (mutex) reaped = true;
            ended.SetException(e);
        }
#pragma warning restore CA1031
    }

    private unsafe ChildEnd WaitId(int options)
    {
        const int ByProcessId = 1, Exited = 4; // P_PID, WEXITED
        var info = default(ChildInfo);
        for (var failures = 0; Libc.Waitid(ByProcessId, Id, &info, Exited | options) != 0; failures++) SystemCalls.Wait.RepeatOrThrow(failures, $"process {Id}");
        return info.Code switch
        {
            ChildInfo.Exited => new ChildEnd(BySignal: false, info.Status),
            ChildInfo.Killed => new ChildEnd(BySignal: true, info.Status),
            ChildInfo.Dumped => new ChildEnd(BySignal: true, info.Status, DumpedCore: true),
            _ => throw new InvalidOperationException($"waitid says that process {Id} ended in a way that is not known: {info.Code}"),
        };
    }
}
