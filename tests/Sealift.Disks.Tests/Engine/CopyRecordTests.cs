using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Posix.Tests;

namespace Sealift.Disks.Tests;

/// <summary>Each thing by which an unfinished copy is told from the one that is asked for now, alone; and what counts as a target.</summary>
public sealed class CopyRecordTests : IDisposable
{
    private static readonly FileIdentity File1 = new("/s/a.vmdk", FileKind.Regular, 4096, 1, 2, 3, 4, 0);
    private static readonly CopyRecord Record = new(1, "/s/a.vmdk", 65536, [File1, File1 with { Path = "/s/b.vmdk", Inode = 9 }], "/t/disk", ImageFormat.Raw, "Sha256", 65536, null, null);
    private readonly Scratch scratch = new();

    private string Path => scratch["copy.json"];

    public void Dispose() => scratch.Dispose();

    [Fact]
    public void The_same_copy_is_gone_on_with() => Record.DemandSame(Record with { Made = File1, SourceFiles = [.. Record.SourceFiles] }, Path);

    [Fact]
    public void Another_target_format_digest_or_block_is_another_copy()
    {
        foreach (var now in new[] { Record with { Target = "/t/other" }, Record with { Format = ImageFormat.Qcow2 }, Record with { Algorithm = "Sha1" }, Record with { BlockBytes = 4096 }, Record with { Source = "/s/other" } })
            Assert.Equal("SL4255", Assert.Throws<SealiftException>(() => Record.DemandSame(now, Path)).Code);
    }

    [Fact]
    public void A_source_of_another_length_or_of_other_files_has_changed()
    {
        var second = Record.SourceFiles[1];
        foreach (var now in new[]
        {
            Record with { SourceBytes = 65537 },
            Record with { SourceFiles = [File1] },
            Record with { SourceFiles = [File1, second, second] },
            Record with { SourceFiles = [File1, second with { Path = "/s/c.vmdk" }] },
            Record with { SourceFiles = [File1, second with { ModifiedNanoseconds = 99 }] },
        })
            Assert.Equal("SL4254", Assert.Throws<SealiftException>(() => Record.DemandSame(now, Path)).Code);
    }

    [Fact]
    public void A_record_that_is_written_is_read_and_none_is_none()
    {
        Assert.Null(CopyRecord.Read(Path));
        Record.Write(Path);
        (Record with { Made = File1 }).Write(Path);
        var read = CopyRecord.Read(Path)!;
        Assert.Equal(File1, read.Made);
        Record.DemandSame(read, Path);
    }

    [Fact]
    public void What_is_no_record_of_this_version_is_refused()
    {
        void Refused() => Assert.Equal("SL4255", Assert.Throws<SealiftException>(() => CopyRecord.Read(Path)).Code);
        (Record with { Version = 2 }).Write(Path);
        Refused();
        (Record with { Version = 0 }).Write(Path);
        Refused();
        foreach (var text in new[] { "null", "{}", "[]", "", "{" })
        {
            File.WriteAllText(Path, text);
            Refused();
        }

        Record.Write(Path);
        File.WriteAllText(Path, File.ReadAllText(Path).PadRight(1 << 20)); // as large as one may be
        Record.DemandSame(CopyRecord.Read(Path)!, Path);
        using (var file = PosixFile.Open(Path, OpenMode.ReadWrite)) file.WriteAt(new string(' ', 1).Select(c => (byte)c).ToArray(), file.Facts().LengthBytes);
        Refused();
        File.Delete(Path);
        Directory.CreateDirectory(Path);
        Refused();
        Directory.Delete(Path);
        File.WriteAllText(scratch["real"], "{}");
        File.CreateSymbolicLink(Path, scratch["real"]);
        Refused();
    }

    [Fact]
    public void Only_a_name_that_is_free_a_file_a_device_or_an_export_is_a_target()
    {
        CopyTarget Target(string name, bool overwrite = false, ImageFormat format = ImageFormat.Raw) => CopyTarget.Of(name, format, overwrite, new NbdOptions(), scratch["state"], scratch.Folder);
        void Refused(Func<CopyTarget> of) => Assert.Equal("SL4253", Assert.Throws<SealiftException>(of).Code);

        Assert.False(((FileTarget)Target(scratch["new"])).Replace);
        Assert.False(((FileTarget)Target(scratch["new"], overwrite: true)).Replace);
        File.WriteAllText(scratch["there"], string.Empty);
        Assert.False(((FileTarget)Target(scratch["there"])).Replace);
        Assert.True(((FileTarget)Target(scratch["there"], overwrite: true)).Replace);
        Assert.False(Target(scratch["there"]).IsInPlace);
        Refused(() => Target(scratch.Folder, overwrite: true));
        Refused(() => Target("/dev/null", overwrite: true));
        File.CreateSymbolicLink(scratch["link"], scratch["there"]);
        Refused(() => Target(scratch["link"], overwrite: true));
        // The same link where it leads to a device: as device mapper names its volumes.
        using (FaultyLibc.Meanwhile("statx", count => { if (count == 2) _ = FaultyLibc.Device(1 << 20); })) Assert.IsType<DeviceTarget>(Target(scratch["link"], overwrite: true));

        Refused(() => Target("nbd://localhost/x"));
        Refused(() => Target("nbd://localhost/x", overwrite: true, ImageFormat.Qcow2));
        Assert.True(Target("nbd://localhost/x", overwrite: true).IsInPlace);

        using (FaultyLibc.Device(1 << 20))
        {
            Refused(() => Target(scratch["there"]));
            Refused(() => Target(scratch["there"], overwrite: true, ImageFormat.Qcow2));
            Assert.True(Target(scratch["there"], overwrite: true).IsInPlace);
            Assert.Equal((FileKind.BlockDevice, 1L << 20), (Target(scratch["there"], overwrite: true).Existing!.Kind, Target(scratch["there"], overwrite: true).Existing!.LengthBytes));
        }
    }

    [Fact]
    public void The_directory_of_a_copy_is_its_owners_and_is_cleared_of_what_copies_make_alone()
    {
        var target = CopyTarget.Of(scratch["t"], ImageFormat.Raw, false, new NbdOptions(), scratch["state"], scratch.Folder);
        Assert.Equal("SL4256", Assert.Throws<SealiftException>(() => CopyWork.Open(target, CopyStart.Resume)).Code);
        using (var work = CopyWork.Open(target, CopyStart.New))
        {
            Assert.Equal(0x1C0, FileFacts.OfPath(work.Directory).Permissions);
            Assert.True(work.IsEmpty);
            foreach (var path in new[] { work.DiskPath, work.MapPath, work.RecordPath })
            {
                File.WriteAllText(path, "x");
                Assert.False(work.IsEmpty);
                File.Delete(path);
            }
        }

        // The directory that the file is to be in is nobody's to make.
        var nowhere = CopyTarget.Of(scratch["missing/t"], ImageFormat.Raw, false, new NbdOptions(), scratch["state"], scratch.Folder);
        Assert.Equal(Errno.ENOENT, Assert.Throws<PosixException>(() => CopyWork.Open(nowhere, CopyStart.New)).Errno);
        Assert.False(Directory.Exists(scratch["missing"]));

        var directory = target.WorkPath;
        Assert.Equal("SL4251", Assert.Throws<SealiftException>(() => CopyWork.Open(target, CopyStart.New)).Code);
        string[] names = ["disk", "blockmap", "copy.json", "copy.json.77.new", "copy.json.old", "other.new"];
        foreach (var name in names) File.WriteAllText(System.IO.Path.Combine(directory, name), "x");
        using (CopyWork.Open(target, CopyStart.Resume)) Assert.Equal(names.Length + 1, Directory.GetFiles(directory).Length);
        using (CopyWork.Open(target, CopyStart.Restart)) Assert.Equal(["copy.json.old", "lock", "other.new"], PosixPath.List(directory).Order(StringComparer.Ordinal));
        using (var work = CopyWork.Open(target, CopyStart.Resume))
        {
            // A stranger's file stays, and with it the directory.
            Assert.Equal(Errno.ENOTEMPTY, Assert.Throws<PosixException>(work.Remove).Errno);
        }

        File.Delete(System.IO.Path.Combine(directory, "copy.json.old"));
        File.Delete(System.IO.Path.Combine(directory, "other.new"));
        using (var work = CopyWork.Open(target, CopyStart.Resume)) work.Remove();
        Assert.False(Directory.Exists(directory));
    }

    [Fact]
    public void A_lock_that_another_holds_is_said_and_one_that_cannot_be_given_back_is_nobodys_loss()
    {
        var target = CopyTarget.Of(scratch["t"], ImageFormat.Raw, false, new NbdOptions(), scratch["state"], scratch.Folder);
        using (FaultyLibc.Arm("flock", Errno.EAGAIN, 1)) Assert.Equal("SL4252", Assert.Throws<SealiftException>(() => CopyWork.Open(target, CopyStart.Restart)).Code);
        // What cannot be cleared is not held either.
        File.WriteAllText(System.IO.Path.Combine(target.WorkPath, "disk"), "x");
        using (FaultyLibc.Arm("unlink", Errno.EIO, 1)) Assert.Equal(Errno.EIO, Assert.Throws<PosixException>(() => CopyWork.Open(target, CopyStart.Restart)).Errno);
        CopyWork.Open(target, CopyStart.Restart).Dispose();
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries("/proc/self/fd"), link => new FileInfo(link).LinkTarget is { } open && open.StartsWith(scratch.Folder, StringComparison.Ordinal));
        using (FaultyLibc.Arm("mkdir", Errno.ENOSPC, 1)) Assert.Equal(Errno.ENOSPC, Assert.Throws<PosixException>(() => CopyWork.Open(target, CopyStart.Restart)).Errno);
        var work = CopyWork.Open(target, CopyStart.Restart);
        using (FaultyLibc.Arm("flock", Errno.EIO, 1)) work.Dispose();
        work = CopyWork.Open(target, CopyStart.Restart);
        using (FaultyLibc.Arm("close", Errno.EIO, 1)) work.Dispose();
        using (FaultyLibc.Arm("flock"))
        {
            CopyWork.Open(target, CopyStart.Resume).Dispose();
            Assert.Equal(2, FaultyLibc.Count);
        }
    }

    [Fact]
    public async Task A_source_is_opened_as_it_was_examined_or_not_at_all()
    {
        var cancel = TestContext.Current.CancellationToken;
        var source = await CopySource.ExamineAsync(scratch.Raw("source", 4096, 1, (0, 4096)), new ImageProbeOptions { Format = ImageFormat.Raw }, new NbdOptions(), scratch.Folder, cancel);
        Assert.True(source.ShowsChanges);
        await (await source.OpenAsync(cancel)).DisposeAsync();
        using (var file = PosixFile.Open(scratch["source"], OpenMode.ReadWrite)) file.WriteAt([1], 0);
        Assert.Equal("SL4201", (await Assert.ThrowsAsync<SealiftException>(() => source.OpenAsync(cancel))).Code);

        var export = await CopySource.ExamineAsync("nbd://localhost/x", new ImageProbeOptions(), new NbdOptions(), scratch.Folder, cancel);
        Assert.False(export.ShowsChanges);
        Assert.Empty(export.Files);
    }

    [Fact]
    public void A_source_whose_file_is_gone_or_cannot_be_looked_at()
    {
        scratch.Raw("a", 4096, 1, (0, 4096));
        Directory.CreateDirectory(scratch["d"]);
        scratch.Raw("d/b", 4096, 1, (0, 4096));
        var files = SourceFiles.Measure([scratch["a"], scratch["d/b"], scratch["a"]]);
        Assert.Equal(2, files.Identities.Count);
        Assert.True(files.AreAllRegular);
        files.VerifyUnchanged("disk");
        using (FaultyLibc.Arm("statx", Errno.EIO, 1)) Assert.Equal(Errno.EIO, Assert.Throws<PosixException>(() => files.VerifyUnchanged("disk")).Errno);
        File.Delete(scratch["d/b"]);
        Assert.Contains("removed", Assert.Throws<SealiftException>(() => files.VerifyUnchanged("disk")).Said, StringComparison.Ordinal);
        Directory.Delete(scratch["d"]);
        File.WriteAllText(scratch["d"], string.Empty);
        Assert.Equal("SL4201", Assert.Throws<SealiftException>(() => files.VerifyUnchanged("disk")).Code);

        using (FaultyLibc.Device(1 << 20))
        {
            var device = SourceFiles.Measure([scratch["a"]]);
            Assert.False(device.AreAllRegular);
            // What a file system says of holes is a matter of files: the device is not even opened.
            using (FaultyLibc.Arm("open"))
            {
                Assert.Null(device.MapDoubt(weighSpace: true, TestContext.Current.CancellationToken));
                Assert.Equal(0, FaultyLibc.Count);
            }
        }

        using (FaultyLibc.Device(1 << 20))
        {
            var device = SourceFiles.Measure([scratch["a"]]);
            Assert.Equal(1 << 20, device.Identities[0].LengthBytes);
        }
    }
}
