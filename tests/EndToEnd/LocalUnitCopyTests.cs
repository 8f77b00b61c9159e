namespace Sealift.EndToEnd;

/// <summary>
/// <c>sealift copy</c> between SCSI disks of the host that it runs on: a small VM whose disks are units of its own kernel's target, with the
/// real command inside.
/// </summary>
public sealed class LocalUnitCopyTests(Rig rig)
{
    private const int Length = (24 << 20) + 512;
    private const int Shorter = 16 << 20;

    private const string Job = """
        run() { # a name, and the arguments of sealift copy
          name=$1; shift
          sealift copy --json --overwrite --state /tmp/state "$@" > /tmp/out 2> /tmp/err
          echo "exit $name $?"
          sed "s/^/out $name /" /tmp/out | grep -v '"event":"progress"'
          sed "s/^/err $name /" /tmp/err
        }
        same() { cmp "$2" "$3" && echo "same $1"; }

        run first /dev/sda /dev/sdb
        same first /dev/sda /dev/sdb

        # The kernel has all of the target in memory, as it was, and somebody keeps it there.
        dd if=/dev/zero of=/dev/sdb bs=512 2> /dev/null
        exec 9< /dev/sdb
        cat <&9 > /dev/null
        run unproven --no-proof --transfer xcopy /dev/sda /dev/sdb
        same unproven /dev/sda /dev/sdb
        exec 9<&-

        run alone /dev/sda /dev/sde
        run virtio /dev/sda /dev/vdf
        run partition /dev/sdc1 /dev/sdb
        run twin /dev/sdc /dev/sdb
        run one /dev/sdc /dev/sdd
        run itself /dev/sda /dev/sda
        run outer /dev/sdc1 /dev/sdc
        run inner /dev/sdc /dev/sdc1
        run short /dev/sda /dev/sdd
        run named --transfer xcopy /dev/sda /dev/sde

        mkswap /dev/sdb > /dev/null; swapon /dev/sdb
        run held --transfer xcopy /dev/sda /dev/sdb
        swapoff /dev/sdb
        mkswap /dev/sdc > /dev/null; swapon /dev/sdc
        run busy /dev/sdc /dev/sdb
        swapoff /dev/sdc
        printf LABELONE | dd of=/dev/sdb bs=1 seek=512 2> /dev/null
        printf 'LVM2 001' | dd of=/dev/sdb bs=1 seek=536 2> /dev/null
        run volume --transfer xcopy /dev/sda /dev/sdb

        dd if=/dev/zero of=/dev/sdb bs=512 2> /dev/null
        run last --transfer xcopy /dev/sda /dev/sdb
        same last /dev/sda /dev/sdb
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Units_of_one_target_are_copied_by_it_and_what_is_none_by_the_engine()
    {
        var directory = rig.NewDirectory();
        var bytes = Bytes(1, Length);
        foreach (var (disk, length) in new[] { ("a", Length), ("b", Length), ("c", Shorter), ("d", Shorter), ("e", Length), ("f", Length) })
            await File.WriteAllBytesAsync(Path.Combine(directory, disk), disk == "a" ? bytes : disk == "c" ? WithPartition(Bytes(2, length)) : new byte[length], Cancel);
        var said = await SmallVm.RunAsync(rig, "tcm-loop-vm.sh", Job, "rig.serials=00a1,00b2,00c3,00c3,00e5 rig.alone=00e5", [.. "abcdef".Select(disk => Path.Combine(directory, disk.ToString()))], "TCM-LOOP-END", Cancel);

        foreach (var name in new[] { "first", "last" })
        {
            var end = said.End(name);
            Assert.Equal((0, "xcopy", Length), (said.ExitCode(name), SmallVm.Used(end), end.GetProperty("transfer").GetProperty("offloadedBytes").GetInt32()));
            Assert.Contains($"same {name}", said.Lines);
        }

        // Degraded, for nobody has read it; and what the kernel had of it is forgotten.
        Assert.Equal((3, "xcopy"), (said.ExitCode("unproven"), SmallVm.Used(said.End("unproven"))));
        Assert.Contains("same unproven", said.Lines);

        foreach (var (name, why) in new[]
        {
            ("alone", "they are units of two SCSI targets, and nothing says that one of these can reach the other's"),
            ("virtio", "the target is no SCSI disk (virtio)"),
            ("partition", "the source is a partition: its blocks are not counted as those of its unit"),
            ("busy", "the source is in use (mounted, or a part of something larger), and its unit does not have what the kernel has not yet written"),
        })
        {
            Assert.True(said.ExitCode(name) == 0, said.All);
            Assert.Equal(("stream", why), (SmallVm.Used(said.End(name)), SmallVm.WhyNot(said.End(name), "xcopy")));
        }

        Assert.StartsWith("2 units of this host say that they are naa.6001405", SmallVm.WhyNot(said.End("twin"), "xcopy"), StringComparison.Ordinal);
        foreach (var (name, code) in new[] { ("one", "SL4258"), ("itself", "SL4257"), ("outer", "SL4257"), ("inner", "SL4257"), ("short", "SL4206"), ("named", "SL4281"), ("held", "EBUSY"), ("volume", "SL4259") })
        {
            Assert.Equal(5, said.ExitCode(name));
            Assert.True(said.Said(name, code), said.All);
        }

        Assert.True(File.ReadAllBytes(Path.Combine(directory, "a")).AsSpan().SequenceEqual(bytes));
        Assert.True(File.ReadAllBytes(Path.Combine(directory, "b")).AsSpan().SequenceEqual(bytes));
    }

    /// <summary>A table with one partition from 1 MiB to 15 MiB.</summary>
    private static byte[] WithPartition(byte[] disk)
    {
        disk.AsSpan(0, 512).Clear();
        disk[0x1BE + 4] = 0x83;
        BitConverter.GetBytes(2048).CopyTo(disk, 0x1BE + 8);
        BitConverter.GetBytes(28672).CopyTo(disk, 0x1BE + 12);
        (disk[510], disk[511]) = (0x55, 0xAA);
        return disk;
    }

    private static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        bytes.AsSpan(5 << 20, 3 << 20).Clear();
        return bytes;
    }
}
