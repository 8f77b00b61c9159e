namespace Sealift.Faults.Servers;

/// <summary>A real nbdkit holds the target, over old bytes, and fails or lies: what is claimed to be there is there.</summary>
public sealed class NbdkitTargetTests(OtherSide side)
{
    private const string Correct = "";

    public static TheoryData<string, string, string> Faults => new()
    {
        { "fault=open:EIO::1", "60s", "SL3016 /s" },
        { "fault=pwrite:EIO:0", "60s", "SL4212 EIO offset target" },
        { "fault=pwrite:EIO:5000000", "60s", "SL4212 EIO offset target" },
        { "fault=pwrite:EIO:6291967", "60s", "SL4212 EIO offset target" },
        { "fault=pwrite:EIO:1500000:1 multi=1", "60s", "SL4212 EIO offset target" },
        { "fault=pwrite:ENOSPC:1500000", "60s", "SL4212 ENOSPC offset target space" },
        { "fault=pwrite:ENOSPC", "60s", "SL4212 ENOSPC offset target space" },
        { "fault=pwrite:EDQUOT:5000000", "60s", "SL4212 ENOSPC offset target space" }, // the protocol's name for it
        { "fault=pwrite:EROFS:5000000", "60s", "SL4212 EPERM offset target" },
        { "fault=pwrite:ENOMEM:5000000", "60s", "SL4212 ENOMEM offset target" },
        { "fault=pwrite:ESHUTDOWN:5000000", "60s", "SL4212 ESHUTDOWN offset target" },
        { "fault=pwrite:die:0", "60s", "SL3021 offset target" },
        { "fault=pwrite:die:5000000", "60s", "SL3021 offset target" },
        { "fault=pwrite:die:5000000 multi=1", "60s", "SL3021 offset target" },
        { "fault=pwrite:late=20:1500000", "2s", "SL3022 offset target" },
        { "fault=pwrite:late=0.3", "60s", Correct },
        { "fault=pwrite:drop:1500000:1", "60s", Correct },
        { "fault=pwrite:drop:1500000", "60s", "SL4234 offset" },
        { "fault=pwrite:drop", "60s", "SL4234 offset" },
        { "fault=pwrite:half:1500000:1", "60s", Correct },
        { "fault=pwrite:half:1500000", "60s", Correct }, // what is missing then is written by another request
        { "fault=pwrite:flip:1500000:1", "60s", Correct },
        { "fault=pwrite:flip:5000000:1 multi=1", "60s", Correct },
        { "fault=pwrite:flip:1500000", "60s", "SL4234 offset 1500000" },
        { "fault=zero:EIO", "60s", "SL4212 EIO offset target" },
        { "fault=zero:EIO:3000000", "60s", "SL4212 EIO offset target" },
        { "fault=zero:EOPNOTSUPP", "60s", Correct }, // nbdkit writes zeros instead
        // Zeros that did not arrive are written out by the repair.
        { "fault=zero:drop::1", "60s", Correct },
        { "fault=zero:drop", "60s", Correct },
        { "fault=zero:half::1", "60s", Correct },
        { "fault=zero:half", "60s", Correct },
        { "fault=zero:die", "60s", "SL3021 offset target" },
        { "fault=zero:late=20", "2s", "SL3022 offset target" },
        { "fault=flush:EIO", "60s", "SL4213 EIO flush" },
        { "fault=flush:EIO::1", "60s", "SL4213 EIO flush" },
        { "fault=flush:ENOSPC", "60s", "SL4213 ENOSPC flush" },
        { "fault=flush:EIO multi=1", "60s", "SL4213 EIO flush" },
        { "fault=flush:die", "60s", "SL3021 flush" },
        { "fault=flush:late=20", "2s", "SL3022 flush" },
        { "fault=flush:drop", "60s", Correct },
        { "fault=pread:EIO:1500000", "60s", "SL4214 EIO offset target" },
        { "fault=pread:EIO:1500000:1", "60s", "SL4214 EIO offset target" },
        { "fault=pread:flip:1500000:1", "60s", Correct },
        { "fault=pread:flip:1500000", "60s", "SL4234 offset 1500000" },
        { "fault=pread:drop:5000000:1", "60s", Correct },
        { "fault=pread:drop", "60s", "SL4234 offset" },
        { "fault=pread:half:1500000:1", "60s", Correct },
        { "fault=pread:die:5000000", "60s", "SL3021 target" }, // the whole server: the copy, which goes on meanwhile, may notice first, by a flush
        { "fault=pread:late=20:1500000", "2s", "SL3022|SL3024 offset|flush target" },
        { "fault=extents:hole", "60s", Correct }, // nobody asks a target for its holes
        { "fault=extents:EIO", "60s", Correct },
        { "-r", "60s", "SL4224 read-only" },
        { "size=1048576", "60s", "1048576" },
        { "size=8388608", "60s", "SL3030 EIO offset 8388096" }, // more than there is
        { "--filter=exitlast", "60s", "SL3010 /s" }, // gone before the proof
        { "--filter=error error-pwrite=ENOSPC error-pwrite-rate=100%", "60s", "SL4212 ENOSPC offset target" },
        { "--filter=error error-zero=EIO error-zero-rate=100%", "60s", "SL4212 EIO offset target" },
        { "--filter=error error-pread=EIO error-pread-rate=100%", "60s", "SL4214 EIO offset target" },
        { "--filter=delay wdelay=20", "2s", "SL3022 offset target" },
        { "--filter=delay delay-zero=20", "2s", "SL3022 offset target" },
        { "--filter=delay delay-close=300ms", "60s", Correct },
        { "--filter=nozero", "60s", Correct },
        { "--filter=nozero zeromode=emulate", "60s", Correct },
        { "--filter=fua fuamode=emulate", "60s", Correct },
        { "--filter=blocksize-policy blocksize-minimum=512 blocksize-preferred=4096 blocksize-maximum=65536 blocksize-error-policy=error", "60s", Correct },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_copy_is_there_or_it_is_said_what_the_server_did(string told, string patience, string says)
    {
        var words = told.Split(' ');
        var trial = new ServerTrial(side, says == Correct ? [] : says.Split(' '), patience);
        await File.WriteAllBytesAsync(trial.Served, ServerTrial.Old(side.Disk), TestContext.Current.CancellationToken);
        await trial.CopyToAsync(
            async () => await Nbdkit.StartAsync(
                trial.Socket,
                [.. words.Where(IsOfNbdkit), "python", OtherSide.Script("faulty-disk.py"), $"file={trial.Served}", .. words.Where(w => !IsOfNbdkit(w))]),
            () => DisturbedRun.Bytes(trial.Served));
    }

    private static bool IsOfNbdkit(string word) => word.StartsWith('-');
}
