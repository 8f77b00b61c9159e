using Sealift.Posix;
using Sealift.Rigs;
using Sealift.Scsi;

namespace Sealift.Disks.Tests;

/// <summary>Linux's own iSCSI target with units of several kinds, whose bytes are those of files.</summary>
public sealed class LinuxArray : IAsyncLifetime
{
    // No whole number of map blocks, and more than one command.
    public const int LengthBytes = (40 << 20) + 512;

    internal IscsiTarget Target { get; private set; } = null!;

    public string Folder { get; } = Directory.CreateTempSubdirectory("array-").FullName;

    public async ValueTask InitializeAsync()
    {
        foreach (var (name, length) in new[] { ("source", LengthBytes), ("target", LengthBytes), ("longer", LengthBytes + (1 << 20)), ("shorter", LengthBytes - 512), ("twin", LengthBytes), ("coarse", 48 << 20) })
        {
            using var file = PosixFile.Open(Path.Combine(Folder, name), OpenMode.ReadWrite | OpenMode.CreateNew);
            file.SetLength(length);
        }

        string[] images = [File_("source"), File_("target"), File_("longer"), File_("shorter"), File_("twin"), File_("coarse") + ",logical_block_size=4096,physical_block_size=4096"];
        Target = await IscsiTarget.StartAsync(Folder, images, ["serials=5ea11f01,5ea11f02,5ea11f03,5ea11f04,5ea11f04,5ea11f06"], CancellationToken.None);
    }

    public string File_(string name) => Path.Combine(Folder, name);

    public ScsiPlace Place(int lun) => ScsiPlace.Of(IscsiUri.Parse(Target.Uri(lun)), new IscsiOptions { Sessions = 2 });

    public async ValueTask DisposeAsync()
    {
        await Target.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}

/// <summary>A real array copies between two of its units, or does not; the bytes are looked at behind its back.</summary>
public sealed class XcopyTests(LinuxArray array) : IClassFixture<LinuxArray>
{
    private const int Source = 1;
    private const int Target = 2;
    private const int Longer = 3;
    private const int Shorter = 4;
    private const int Twin = 5;
    private const int Coarse = 6;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("xcopy")]
    [InlineData("stream")]
    [InlineData("auto")]
    public async Task From_unit_to_unit(string way)
    {
        Fill();
        using var run = Run(Source, Target, "source", "target");
        var report = await run.CopyAsync(way);
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
        var used = way == "auto" ? "xcopy" : way;
        Assert.Equal((used, null, 0), (report.Transfer!.Used, report.Transfer.Declined, report.Transfer.RepairedBytes));
        Assert.Equal(used == "xcopy" ? LinuxArray.LengthBytes : 0, report.Transfer.OffloadedBytes);
        Assert.Contains("FUA", report.CacheBypass, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("xcopy")]
    [InlineData("stream")]
    public async Task What_lies_behind_the_disk_on_a_longer_unit_stays(string way)
    {
        Fill();
        var before = File.ReadAllBytes(array.File_("longer"));
        using var run = Run(Source, Longer, "source", "longer");
        var report = await run.CopyAsync(way);
        var after = File.ReadAllBytes(array.File_("longer"));
        Assert.True(after.AsSpan(0, LinuxArray.LengthBytes).SequenceEqual(File.ReadAllBytes(array.File_("source"))));
        Assert.True(after.AsSpan(LinuxArray.LengthBytes).SequenceEqual(before.AsSpan(LinuxArray.LengthBytes)));
        Assert.Equal(way, report.Transfer!.Used);
    }

    [Fact]
    public async Task From_unit_to_file_and_back()
    {
        Fill();
        var file = array.File_("a-file");
        using (var run = Run(Source, null, "source", "a-file")) run.DemandSame(await run.CopyAsync("auto"));
        using (var back = Run(null, Target, "a-file", "target"))
        {
            var report = await back.CopyAsync("auto");
            back.DemandSame(report);
            Assert.Equal("stream", report.Transfer!.Used);
            Assert.Equal("the source is no SCSI unit over iSCSI", report.Transfer.PassedOver.Single(p => p.Name == "xcopy").Why);
        }

        File.Delete(file);
    }

    /// <summary>The disk ends within a block of the unit, whose rest stays as it was.</summary>
    [Fact]
    public async Task Onto_a_unit_with_long_blocks()
    {
        Fill();
        var before = File.ReadAllBytes(array.File_("coarse"));
        using var run = Run(Source, Coarse, "source", "coarse");
        var report = await run.CopyAsync("auto");
        Assert.Equal("the source has blocks of 512 bytes, and the target of 4096", report.Transfer!.PassedOver.Single(p => p.Name == "xcopy").Why);
        var after = File.ReadAllBytes(array.File_("coarse"));
        Assert.True(after.AsSpan(0, LinuxArray.LengthBytes).SequenceEqual(File.ReadAllBytes(array.File_("source"))));
        Assert.True(after.AsSpan(LinuxArray.LengthBytes).SequenceEqual(before.AsSpan(LinuxArray.LengthBytes)));
    }

    [Fact]
    public async Task Too_short_a_unit_is_refused_before_anything_is_written()
    {
        using var run = Run(Source, Shorter, "source", "shorter");
        Assert.Equal("SL4206", (await Assert.ThrowsAsync<SealiftException>(() => run.CopyAsync("auto"))).Code);
        Assert.False(run.HasBegun);
    }

    /// <summary>Told to copy to the second, Linux's target would write to the first of its units that has the name.</summary>
    [Theory]
    [InlineData(Shorter, Twin)]
    [InlineData(Source, Source)]
    public async Task Two_units_that_say_they_are_one_are_not_copied_to_each_other(int from, int to)
    {
        using var run = Run(from, to, "shorter", "twin");
        foreach (var way in new[] { "auto", "stream", "xcopy" }) Assert.Contains((await Assert.ThrowsAsync<SealiftException>(() => run.CopyAsync(way))).Code, new[] { "SL4257", "SL4258" });
        Assert.False(run.HasBegun);
    }

    /// <summary>Neither of two of one name is copied to or from by that name: the bystander could be taken for the one that was meant.</summary>
    [Fact]
    public async Task A_bystander_of_the_same_name_forbids_a_copy_by_name()
    {
        Fill();
        const string why = "2 units of the target say that they are naa.60014055ea11f0400000000000000000 (LUN 4, 5): a copy by name could go to the wrong one";
        using var from = Run(Shorter, Target, "shorter", "target");
        Assert.Equal(("SL4281", why), Told(await Assert.ThrowsAsync<SealiftException>(() => from.CopyAsync("xcopy"))));
        var bystander = File.ReadAllBytes(array.File_("twin"));
        using var to = Run(Target, Shorter, "target", "shorter");
        Assert.Equal("SL4206", Told(await Assert.ThrowsAsync<SealiftException>(() => to.CopyAsync("xcopy"))).Code);
        Assert.True(bystander.AsSpan().SequenceEqual(File.ReadAllBytes(array.File_("twin"))));
        var report = await from.CopyAsync("auto");
        Assert.Equal(("stream", why), (report.Transfer!.Used, report.Transfer.PassedOver.Single(p => p.Name == "xcopy").Why));
    }

    /// <summary>An array that says it can, but cannot reach the source: the first command is declined, and stream copies all of it.</summary>
    [Fact]
    public async Task Two_arrays_behind_one_name_cannot_reach_each_other()
    {
        Fill();
        await File.WriteAllBytesAsync(array.File_("elsewhere"), new byte[LinuxArray.LengthBytes], Cancel);
        await using var another = await IscsiTarget.StartAsync(array.Folder, [array.File_("elsewhere")], [], Cancel);
        using var run = Run(Source, null, "source", "elsewhere", ScsiPlace.Of(IscsiUri.Parse(another.Uri(1)), new IscsiOptions()));
        var report = await run.CopyAsync("xcopy");
        run.DemandSame(report);
        Assert.Equal(("xcopy", 0, 0), (report.Transfer!.Used, report.Transfer.DeclinedAt, report.Transfer.OffloadedBytes));
        Assert.StartsWith("copy aborted, a device of the copy cannot be reached (sense a/0d/02)", report.Transfer.Declined, StringComparison.Ordinal);
        Assert.Empty(report.Repaired);
    }

    [Fact]
    public async Task An_array_without_third_party_copies_and_another_target_are_said()
    {
        Fill();
        foreach (var name in new[] { "plain1", "plain2" }) await File.WriteAllBytesAsync(array.File_(name), new byte[LinuxArray.LengthBytes], Cancel);
        await using var plain = await IscsiTarget.StartAsync(array.Folder, [array.File_("plain1"), array.File_("plain2")], ["3pc=0", "name=plain", "user=mover", "password=correct-horse"], Cancel);
        var options = new IscsiOptions { Passwords = new Dictionary<string, string> { ["mover"] = "correct-horse" } };
        var (one, two) = (ScsiPlace.Of(IscsiUri.Parse(plain.Uri(1, "mover@")), options), ScsiPlace.Of(IscsiUri.Parse(plain.Uri(2, "mover@")), options));
        using (var run = Run(Source, null, "source", "plain1", one))
        {
            var report = await run.CopyAsync("auto");
            run.DemandSame(report);
            Assert.Equal("they are units of two iSCSI targets, and nothing says that one of these can reach the other's", report.Transfer!.PassedOver.Single(p => p.Name == "xcopy").Why);
        }

        using (var run = new TransferRun(array.Folder) { SourceName = "plain1", TargetName = "plain2", Keep = true, Units = (one, two) })
        {
            var report = await run.CopyAsync("auto");
            run.DemandSame(report);
            Assert.Equal("the target cannot copy by itself: it does not say that it knows third-party copies (3PC)", report.Transfer!.PassedOver.Single(p => p.Name == "xcopy").Why);
        }

        // Whoever has no password, or a wrong one, is not let in.
        Assert.Equal("SL3203", (await Assert.ThrowsAnyAsync<SealiftException>(() => CopySource.ExamineAsync(ScsiPlace.Of(IscsiUri.Parse(plain.Uri(1, "mover@")), new IscsiOptions()), Cancel))).Code);
        foreach (var (user, password) in new[] { ("mover@", "wrong-horse-wrong"), ("other@", "correct-horse"), (string.Empty, string.Empty) })
        {
            var place = ScsiPlace.Of(IscsiUri.Parse(plain.Uri(1, user)), new IscsiOptions { Passwords = new Dictionary<string, string> { [string.Empty] = password } });
            var refused = await Assert.ThrowsAnyAsync<SealiftException>(() => CopySource.ExamineAsync(place, Cancel));
            Assert.Equal("SL3210", refused.Code);
            Assert.DoesNotContain("horse", refused.ToString(), StringComparison.Ordinal);
        }
    }

    /// <summary>Who has reserved a unit uses it: a real persistent reservation, by another initiator.</summary>
    [Fact]
    public async Task A_reserved_unit_is_refused_before_anything_is_changed()
    {
        Fill();
        var before = File.ReadAllBytes(array.File_("target"));
        var other = await IscsiSession.ConnectAsync(IscsiUri.Parse(array.Target.Uri(Target)), new IscsiOptions { InitiatorName = "iqn.2026-01.invalid.rig:other" }, Cancel);
        using (other)
        {
            Reserve(0x00, 0, 0x5EA1); // REGISTER
            Reserve(0x01, 0x5EA1, 0); // RESERVE
            using (var run = Run(Source, Target, "source", "target"))
            {
                foreach (var way in new[] { "stream", "xcopy" })
                {
                    var refused = await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync(way));
                    Assert.Equal(("SL3221", "somebody holds a persistent reservation of it (write exclusive, registrants only, key 0x0000000000005ea1)"), Told(refused));
                    Assert.False(run.HasBegun || Directory.Exists(run.Work));
                }
            }

            Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(array.File_("target"))));
            Reserve(0x02, 0x5EA1, 0); // RELEASE
            Reserve(0x00, 0x5EA1, 0); // unregister
        }

        using (var run = Run(Source, Target, "source", "target")) run.DemandSame(await run.CopyAsync("xcopy"));

        void Reserve(byte action, ulong key, ulong newKey)
        {
            var parameters = new byte[24];
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(parameters, key);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(parameters.AsSpan(8), newKey);
            var command = new ScsiCommand("PERSISTENT RESERVE OUT", new byte[] { 0x5F, action, 0x05, 0, 0, 0, 0, 0, 24, 0 }, true);
            var status = byte.MaxValue;
            for (var left = 4; left > 0 && status != ScsiStatus.Good; left--) status = other.Execute(command, parameters, default, TimeSpan.FromSeconds(30), Cancel).Status; // what happened before is told first
            Assert.Equal(ScsiStatus.Good, status);
        }
    }

    /// <summary>The power fails in the middle of a copy. What is there then is gone on with when it is back.</summary>
    [Fact]
    public async Task A_target_that_dies_ends_the_copy()
    {
        Fill();
        foreach (var name in new[] { "mortal1", "mortal2" }) File.Copy(array.File_("source"), array.File_(name), overwrite: true);
        await using var mortal = await IscsiTarget.StartAsync(array.Folder, [array.File_("mortal1"), array.File_("mortal2")], ["name=mortal"], Cancel);
        var options = new IscsiOptions { ConnectDeadline = TimeSpan.FromSeconds(20), ReplyDeadline = TimeSpan.FromSeconds(20) };
        using var run = new TransferRun(array.Folder) { SourceName = "mortal1", TargetName = "mortal2", Keep = true, Units = (ScsiPlace.Of(IscsiUri.Parse(mortal.Uri(1)), options), ScsiPlace.Of(IscsiUri.Parse(mortal.Uri(2)), options)) };
        run.OnProgress = (_, told) =>
        {
            if (told.DoneBytes > 0) mortal.Kill();
        };
        var ended = await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("stream"));
        Assert.Matches("SL3212|SL3210|SL3211", ended.ToString());
        Assert.True(Directory.Exists(run.Work));
        Directory.Delete(run.Work, recursive: true);
    }

    [Fact]
    public async Task A_unit_is_overwritten_only_where_that_is_meant()
    {
        var refused = await Assert.ThrowsAsync<SealiftException>(() => CopyTarget.ExamineAsync(array.Place(Target), ImageFormat.Raw, overwrite: false, array.Folder, Cancel));
        Assert.Equal("SL4253", refused.Code);
    }

    [Theory]
    [InlineData(9, "SL3220|SL3224")]
    [InlineData(0, "SL3220|SL3224")]
    public async Task A_unit_that_is_not_there_is_said(int lun, string code) =>
        Assert.Matches(code, (await Assert.ThrowsAnyAsync<SealiftException>(() => CopySource.ExamineAsync(array.Place(lun), Cancel))).Code);

    private static (string Code, string Said) Told(SealiftException e) => (e.Code, e.Said);

    private TransferRun Run(int? from, int? to, string source, string target, ScsiPlace? place = null) => new(array.Folder)
    {
        SourceName = source,
        TargetName = target,
        Keep = true,
        Options = CopyOptions.Default with { Workers = 4 },
        Units = (from is { } f ? array.Place(f) : null, to is { } t ? array.Place(t) : place),
    };

    /// <summary>Other bytes in each unit, with zeros among them.</summary>
    private void Fill()
    {
        foreach (var name in new[] { "source", "target", "longer", "coarse" })
        {
            using var file = PosixFile.Open(array.File_(name), OpenMode.ReadWrite);
            var bytes = new byte[file.Facts().LengthBytes];
            Random.Shared.NextBytes(bytes);
            if (name == "source") bytes.AsSpan(5 << 20, (9 << 20) + 512).Clear();
            file.WriteAt(bytes, 0);
        }
    }
}
