using Sealift.Blkhash;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Rigs;
using Sealift.Scsi;

namespace Sealift.Disks.Tests;

/// <summary>A block device is written only where nobody else uses it, and where it is still the one that was meant; a real one, of the kernel's.</summary>
public sealed class DeviceTargetTests : IDisposable
{
    private const int Length = 4 << 20;
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    /// <summary>The kernel sees no claim of QEMU's: it has marked the device by a record lock.</summary>
    [Fact]
    public async Task A_device_of_a_machine_that_runs_is_refused_until_that_has_ended()
    {
        await using var device = await LoopDevice.OfAsync(scratch.Raw("disk", Length, 1, (0, Length)), Cancel);
        var source = scratch.Raw("source", Length, 2, (0, Length));
        var before = await ReadAsync(device.Path);
        var machine = ChildProcess.Start(new ChildCommand(
            "qemu-system-x86_64", "-machine", "pc", "-accel", "tcg", "-m", "32", "-nodefaults", "-display", "none", "-no-user-config", "-qmp", "stdio",
            "-blockdev", $"driver=raw,node-name=disk,file.driver=host_device,file.filename={device.Path}", "-device", "virtio-blk-pci,drive=disk") { Deadline = TimeSpan.FromMinutes(2) });
        await using (machine)
        {
            Assert.Contains("QMP", await machine.ReadLineAsync(Cancel), StringComparison.Ordinal); // it has all that it was told to have
            var refused = await Assert.ThrowsAsync<SealiftException>(() => CopyAsync(source, device.Path));
            Assert.Equal(("SL4208", device.Path), (refused.Code, refused.Subject));
            Assert.Equal(before, await ReadAsync(device.Path));
            Assert.False(IsHeld(device.Path), "it is still open");
        }

        await CopyAsync(source, device.Path, CopyStart.Restart);
        Assert.Equal(await File.ReadAllBytesAsync(source, Cancel), await ReadAsync(device.Path));
    }

    /// <summary>As a machine of libvirt's, whose locks are on a node of its own: neither the kernel's claim nor a lock tells of it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_device_that_another_process_has_open_for_writing_is_refused_and_one_that_is_read_is_not(bool repairs)
    {
        await using var device = await LoopDevice.OfAsync(scratch.Raw("disk", Length, 1, (0, Length)), Cancel);
        var source = scratch.Raw("source", Length, 2, (0, Length));
        var before = await ReadAsync(device.Path);
        using var map = scratch.Map("map", Length);
        await using (var disk = Scratch.OpenRaw(source)) await DiskHash.RunAsync(disk, map.Parameters, map, CopyOptions.Default, null, Cancel);
        await using (var machine = await HolderAsync("<>"))
        {
            var refused = await Assert.ThrowsAsync<SealiftException>(() => WriteAsync(CopyStart.New));
            Assert.Equal(("SL4208", device.Path), (refused.Code, refused.Subject));
            Assert.Contains($"process {machine.Id} (sh)", refused.Said, StringComparison.Ordinal);
            Assert.Equal(before, await ReadAsync(device.Path));
            Assert.False(IsHeld(device.Path), "it is still open");
        }

        await using (await HolderAsync("<")) await WriteAsync(CopyStart.Restart);
        Assert.Equal(await File.ReadAllBytesAsync(source, Cancel), await ReadAsync(device.Path));

        async Task<ChildProcess> HolderAsync(string how)
        {
            var holder = ChildProcess.Start(new ChildCommand("sh", "-c", $"exec 9{how}\"$1\"; echo; read -r end", "sh", device.Path));
            Assert.NotNull(await holder.ReadLineAsync(Cancel));
            return holder;
        }

        async Task WriteAsync(CopyStart start)
        {
            if (!repairs)
            {
                await CopyAsync(source, device.Path, start);
                return;
            }

            var from = await CopySource.ExamineAsync(source, new ImageProbeOptions { Format = ImageFormat.Raw }, new NbdOptions(), scratch.Folder, Cancel);
            var to = await RepairTarget.ExamineAsync(device.Path, null, new NbdOptions(), scratch.Folder, Cancel);
            Assert.True((await TargetRepair.RunAsync(new RepairRequest(to, from, map), new Indifferent(), Cancel)).IsEqual);
        }
    }

    /// <summary>Names are given anew between the look at a device and its opening: what was found then is asked again when nobody can take it away any more.</summary>
    [Theory]
    [InlineData("one", true)]
    [InlineData("another", false)]
    [InlineData(null, false)]
    public async Task Who_it_is_is_asked_again_while_it_is_held(string? now, bool opens)
    {
        await using var device = await LoopDevice.OfAsync(scratch.Raw("disk", Length, 1, (0, Length)), Cancel);
        var held = new List<bool>();
        var target = new DeviceTarget(device.Path, new NbdOptions(), scratch.Folder)
        {
            Ask = _ =>
            {
                held.Add(IsHeld(device.Path));
                var name = held.Count == 1 ? "one" : now;
                return Task.FromResult(name is null ? ((UnitEnd?)null, "is no SCSI disk") : (Unit(name), string.Empty));
            },
        };
        await target.IdentifyAsync(Cancel);
        using var work = CopyWork.Open(target, CopyStart.New);
        if (opens)
        {
            await using var writer = await target.OpenWriteAsync(work, Length, Cancel);
            Assert.Equal(Length, writer.LengthBytes);
        }
        else
        {
            var refused = await Assert.ThrowsAsync<SealiftException>(() => target.OpenWriteAsync(work, Length, Cancel));
            Assert.Equal(("SL4201", device.Path), (refused.Code, refused.Subject));
            Assert.Contains(now is null ? "is no SCSI disk" : "name.another", refused.Said, StringComparison.Ordinal);
        }

        Assert.Equal([false, true], held);
        Assert.False(IsHeld(device.Path), "it is still open");
    }

    private static UnitEnd Unit(string name)
    {
        byte[] text = [.. System.Text.Encoding.ASCII.GetBytes(name)];
        return new UnitEnd(null!, UnitIdentity.Parse(new byte[] { 0, 0x83, 0, 0, 0x02, 0x08, 0, (byte)text.Length }.Concat(text).ToArray(), default)!);
    }

    private static bool IsHeld(string device)
    {
        try
        {
            PosixFile.Open(device, OpenMode.Read | OpenMode.Unused).Close();
            return false;
        }
        catch (PosixException e) when (e.Errno == Errno.EBUSY)
        {
            return true;
        }
    }

    private async Task<CopyReport> CopyAsync(string source, string device, CopyStart start = CopyStart.New) => await ProvenCopy.RunAsync(
        new CopyRequest(
            await CopySource.ExamineAsync(source, new ImageProbeOptions { Format = ImageFormat.Raw }, new NbdOptions(), scratch.Folder, Cancel),
            CopyTarget.Of(device, ImageFormat.Raw, overwrite: true, new NbdOptions(), scratch.Folder, scratch.Folder),
            BlkhashParameters.Default) { Start = start },
        new Nobody(),
        Cancel);

    private static async Task<byte[]> ReadAsync(string device)
    {
        var bytes = new byte[Length];
        await using var disk = UncachedRawDisk.Open(device);
        await disk.ReadAsync(0, bytes, Cancel);
        return bytes;
    }

    private sealed class Nobody : ICopyObserver
    {
        public void Begun(CopyTarget target, bool resumed, long lengthBytes)
        {
        }

        public IProgress<DiskProgress>? Progress(string stage) => null;

        public void Differs(Mismatch mismatch) => Assert.Fail($"{mismatch}");
    }

    private sealed class Indifferent : IRepairObserver
    {
        public void Begun(long lengthBytes)
        {
        }

        public IProgress<DiskProgress>? Progress(string stage) => null;

        public void Differs(Mismatch mismatch)
        {
        }

        public void DiffersMore(long differingBytes)
        {
        }

        public void Writing(long differingBytes)
        {
        }
    }
}
