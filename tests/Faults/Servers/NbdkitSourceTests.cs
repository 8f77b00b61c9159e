namespace Sealift.Faults.Servers;

/// <summary>A real nbdkit serves the source, with a plug-in or filters that make it fail: whatever it does, no wrong bytes come of it.</summary>
public sealed class NbdkitSourceTests(OtherSide side)
{
    private const string Correct = "";

    public static TheoryData<string, string, string> Faults()
    {
        var faults = new TheoryData<string, string, string>
        {
            // What the server is told, the patience, and what must be said; nothing: it must succeed.
            { "fault=open:EIO", "60s", "SL3016 /s" },
            { "fault=pread:EIO:0", "60s", "SL4211 EIO offset source" },
            { "fault=pread:EIO:1500000", "60s", "SL4211 EIO offset source" },
            { "fault=pread:EIO:1500000:1", "60s", "SL4211 EIO offset source" },
            { "fault=pread:EIO:6291967", "60s", "SL4211 EIO offset source" },
            { "fault=pread:EIO", "60s", "SL4211 EIO offset source" },
            { "fault=pread:EIO:5000000 multi=1", "60s", "SL4211 EIO offset source" },
            { "fault=pread:ENOMEM:5000000", "60s", "SL4211 ENOMEM offset source" },
            { "fault=pread:EPERM:5000000", "60s", "SL4211 EPERM offset source" },
            { "fault=pread:ESHUTDOWN:5000000", "60s", "SL4211 ESHUTDOWN offset source" },
            { "fault=pread:EINVAL:5000000", "60s", "SL4211 EINVAL offset source" },
            { "fault=pread:die:0", "60s", "SL3021 offset source" },
            { "fault=pread:die:5000000", "60s", "SL3021 offset source" },
            { "fault=pread:die:5000000 multi=1", "60s", "SL3021 offset source" },
            { "fault=pread:late=20:1500000", "2s", "SL3022 offset source 2" },
            { "fault=pread:late=20:5000000 multi=1", "2s", "SL3022 offset source" },
            { "fault=pread:late=0.3", "60s", Correct },
            { "fault=extents:EIO", "60s", "SL3030 EIO offset" },
            { "fault=extents:ENOMEM", "60s", "SL3030 ENOMEM" },
            { "fault=extents:die", "60s", "SL3021" },
            { "fault=extents:late=20", "2s", "SL3022" },
            { "fault=extents:nothing", "60s", "SL3030" },
            { "size=8388608", "60s", "EIO offset" }, // more than there is
            { "size=6291457", "60s", Truncated }, // less: then that is the disk
            { "--filter=error error-pread=EIO error-pread-rate=100%", "60s", "SL4211 EIO offset source" },
            { "--filter=error error-extents=EIO error-extents-rate=100%", "60s", "EIO" },
            { "--filter=delay rdelay=20", "2s", "SL3022" },
            { "--filter=delay rdelay=100ms", "60s", Correct },
            { "--filter=delay delay-open=20", "2s", "SL3011" },
            { "--filter=blocksize-policy blocksize-minimum=512 blocksize-preferred=4096 blocksize-maximum=65536 blocksize-error-policy=error", "60s", Correct },
            { "--filter=noextents", "60s", Correct },
            { "--filter=cow", "60s", Correct },
            { "--filter=cow --filter=error error-pread=EIO error-pread-rate=100%", "60s", "EIO offset" },
            { "--filter=retry retry-delay=1 fault=pread:EIO:1500000:1", "60s", Correct },
            { "--filter=rate rate=200M", "60s", Correct },
            { "--filter=exitlast", "60s", Correct },
        };
        return faults;
    }

    private const string Truncated = "truncated";

    [Theory]
    [MemberData(nameof(Faults))]
    public Task A_copy_arrives_or_says_what_the_server_did(string told, string patience, string says) =>
        RunAsync(told, patience, says, (trial, server, expected) => trial.CopyFromAsync(server, expected, told.StartsWith("size=8", StringComparison.Ordinal)));

    [Theory]
    [MemberData(nameof(Faults))]
    public Task A_hash_is_right_or_it_is_said_what_the_server_did(string told, string patience, string says) =>
        RunAsync(told, patience, says, (trial, server, expected) => trial.HashAsync(server, expected));

    /// <summary>Bytes that are wrong but well-formed cannot be told from the disk's own: what was read is what is hashed, written and proven.</summary>
    [Fact]
    public Task What_the_server_says_is_the_disk_is_what_arrives()
    {
        var flipped = (byte[])side.Disk.Clone();
        flipped[1500000] ^= 0x10;
        var trial = new ServerTrial(side, [], "60s");
        side.WriteDisk(trial.Served);
        return trial.CopyFromAsync(async () => await Nbdkit.FaultyAsync(trial.Socket, trial.Served, "fault=pread:flip:1500000"), flipped);
    }

    private async Task RunAsync(string told, string patience, string says, Func<ServerTrial, Func<Task<IAsyncDisposable>>, byte[]?, Task> run)
    {
        var words = told.Split(' ');
        var expected = says == Truncated ? side.Disk[..6291457] : null;
        var trial = new ServerTrial(side, says is Correct or Truncated ? [] : says.Split(' '), patience);
        side.WriteDisk(trial.Served);
        await run(
            trial,
            async () => await Nbdkit.StartAsync(
                trial.Socket,
                [.. words.Where(IsFilter), "python", OtherSide.Script("faulty-disk.py"), $"file={trial.Served}", .. words.Where(w => !IsFilter(w))]),
            expected);
        Assert.Equal(side.Disk, DisturbedRun.Bytes(trial.Served));
    }

    private static bool IsFilter(string word) => word.StartsWith('-');
}
