using System.Text.RegularExpressions;
using Sealift.Posix;

[assembly: AssemblyFixture(typeof(Sealift.Docs.Guest))]

namespace Sealift.Docs;

/// <summary>
/// What the commands of the pages find around them. A page has, in the line before a block of commands,
/// <code>
/// &lt;!-- run: NAME --&gt;                                  blocks of one page with one NAME run in order, by one bash
/// &lt;!-- run: NAME, exit 5 --&gt;                          and the last command of this block ends with 5; all others end with 0
/// &lt;!-- run: NAME, with vms --&gt;                        and vms/ has a machine that was migrated and sealed, which the journal knows
/// &lt;!-- run: NAME, after `cp disk.raw golden.raw` --&gt;  and before it something runs that the page does not show
/// &lt;!-- not run: REASON --&gt;                            no test can, and why
/// </code>
/// (several words in this order: <c>exit</c>, <c>with</c>, <c>after</c>) and in the block <c>$ </c> before each command, <c>&gt; </c> before its further lines, and below it what it prints, on either stream. A line <c>…</c> stands
/// for lines that are left out, <c>…</c> within a line for anything; times, dates, digests, rates, sizes with a fraction and names of migrations are not compared
/// (<see cref="ShownOutput"/>). The lines that are shown have to be printed in the order in which they are shown.
/// <para>
/// Each NAME has a fresh directory, with
/// </para>
/// <list type="bullet">
/// <item><c>web01.ova</c>: a VMware export of a Linux guest (Debian's kernel, GRUB, one ext4 file system; it boots). 15 MB, a disk of 128 MiB</item>
/// <item><c>disk.raw</c>, <c>disk.qcow2</c>, <c>disk.vmdk</c>, and <c>web01.vmdk</c>: the disk of that guest</item>
/// <item><c>data.raw</c>: a disk of 64 MiB with an ext4 file system and no partition table</item>
/// <item>where a block of the sequence says <c>with vms</c>: <c>vms/</c> as <c>sealift migrate web01.ova --to vms --no-convert</c> leaves it: <c>web01.seal.json</c>, <c>web01-disk1.raw</c>,
/// <c>web01-disk1.blockmap</c>, <c>web01.xml</c> and so on; the verdict is sealed, <c>sealift list</c> has it, and the key is the one of this HOME. The
/// id of a migration in a command (<c>261123-025949-tj3</c>, or only <c>261123</c>) then stands for that of this machine</item>
/// </list>
/// <para>
/// They are copies: a page may damage them. <c>/srv</c> in a command or its output is that directory, so that <c>--to /srv/vms</c> can be shown and run. PATH begins
/// with out/, so that <c>sealift</c> is what eng/build-sealift made; HOME and TMPDIR lie in a directory beside, and the journal and the key with them: nothing of the
/// machine is touched. Whatever a page leaves running in the background (<c>sealift serve &amp;</c>) ends with the sequence. A conversion takes minutes without
/// KVM, and so does the appliance that <c>migrate</c> and <c>check --inspect</c> start: run <c>migrate</c> with <c>--no-convert --no-check</c> (a second; the verdict is degraded, exit code 3), look at what
/// <c>with vms</c> offers, or say why it is not run. All of this test should stay below two minutes.
/// </para>
/// Only one page: <c>tests/Docs/bin/Release/net10.0/Docs --filter-trait page=docs/copy.md</c>.
/// </summary>
public sealed partial class Guest : IAsyncLifetime
{
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-docs-").FullName;

    private readonly Lazy<Task> migrated;

    public Guest() => migrated = new Lazy<Task>(() => Task.Run(MigrateAsync));

    private string Originals => Path.Combine(directory, "originals");

    public async ValueTask InitializeAsync()
    {
        Assert.True(File.Exists(Path.Combine(Repository.Root, "out", "sealift")), "out/sealift is missing: run eng/build-sealift");
        // As /tmp is: checkers run as users who own nothing, and have to get to the partitions that they are shown.
        PosixPath.SetPermissions(directory, 0x1C9 /* 0711 */);
        Directory.CreateDirectory(Originals);
        await MakeAsync(Rig("tiny-guest.sh"), "disk.raw");
        await MakeAsync(Rig("tiny-ova.sh"), "disk.raw", "web01", "web01.ova");
        await MakeAsync("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "disk.raw", "disk.qcow2");
        await MakeAsync("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "disk.raw", "disk.vmdk");
        await MakeAsync("cp", "disk.vmdk", "web01.vmdk");
        using (var file = PosixFile.Open(Path.Combine(Originals, "data.raw"), OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(64 << 20);
        await MakeAsync("mkfs.ext4", "-q", "-F", "-L", "data", "data.raw");
    }

    public async ValueTask DisposeAsync()
    {
        if (migrated.IsValueCreated) await migrated.Value.ContinueWith(_ => { }, TaskScheduler.Default); // whoever asked for it was told how it ended
        Directory.Delete(directory, recursive: true);
    }

    /// <summary>The machine that was migrated: what says <c>/srv</c> in its reports.</summary>
    internal string Migrated => Path.Combine(directory, "migrated");

    /// <summary>The id of its migration.</summary>
    internal string MigrationId { get; private set; } = string.Empty;

    /// <summary>A fresh directory with all of it, and beside it one for what is not the reader's: HOME, TMPDIR, and records of the test.</summary>
    /// <param name="withMachine">Whether the machine that was migrated is there too.</param>
    internal async Task<(string Reader, string Beside)> NewAsync(bool withMachine)
    {
        var of = Directory.CreateDirectory(Path.Combine(directory, Guid.NewGuid().ToString("n")[..8])).FullName;
        var beside = Directory.CreateDirectory(Path.Combine(of, "beside")).FullName;
        Directory.CreateDirectory(Path.Combine(beside, "home"));
        Directory.CreateDirectory(Path.Combine(beside, "tmp"));
        await MakeAsync("cp", "-r", "--sparse=always", "--reflink=auto", Originals, Path.Combine(of, "srv"));
        if (withMachine)
        {
            await migrated.Value;
            await MakeAsync("cp", "-r", "--sparse=always", "--reflink=auto", Path.Combine(Migrated, "vms"), Path.Combine(of, "srv"));
            await MakeAsync("cp", "-a", Path.Combine(Migrated, "home", "."), Path.Combine(beside, "home"));
        }

        return (Path.Combine(of, "srv"), beside);
    }

    // Only where a page asks for it, and beside the pages that do not: it takes longer than all of them.
    private async Task MigrateAsync()
    {
        Directory.CreateDirectory(Path.Combine(Migrated, "home"));
        var done = await ChildProcess.RunAsync(
            new ChildCommand(Path.Combine(Repository.Root, "out", "sealift"), "migrate", Path.Combine(Originals, "web01.ova"), "--to", Path.Combine(Migrated, "vms"), "--no-convert")
            {
                WorkingDirectory = Migrated,
                Deadline = TimeSpan.FromMinutes(10),
                Environment = ReadersEnvironment(Path.Combine(Migrated, "home"), Migrated),
            },
            TestContext.Current.CancellationToken);
        MigrationId = Id().Match(done.Output + done.ErrorTail).Value;
        Assert.NotEmpty(MigrationId);
    }

    /// <summary>Variables of whoever reads: nothing leads to the state of whoever runs the test.</summary>
    /// <param name="home">The home directory.</param>
    /// <param name="temporary">Where temporary files go.</param>
    internal static Dictionary<string, string?> ReadersEnvironment(string home, string temporary) => new()
    {
        ["PATH"] = $"{Path.Combine(Repository.Root, "out")}:{Environment.GetEnvironmentVariable("PATH")}",
        ["HOME"] = home,
        ["TMPDIR"] = temporary,
        ["REPOSITORY"] = Repository.Root,
        ["SEALIFT_STATE"] = null,
        ["XDG_STATE_HOME"] = null,
        ["XDG_CONFIG_HOME"] = null,
        ["XDG_CACHE_HOME"] = null,
        ["XDG_DATA_HOME"] = null,
        ["XDG_RUNTIME_DIR"] = null,
        ["LIBVIRT_DEFAULT_URI"] = null,
    };

    private static string Rig(string script) => Path.Combine(Repository.Root, "tests", "rigs", script);

    private async Task MakeAsync(string program, params string[] arguments) =>
        await ChildProcess.RunAsync(new ChildCommand(program, arguments) { WorkingDirectory = Originals, Deadline = TimeSpan.FromMinutes(5) }, TestContext.Current.CancellationToken);

    /// <summary>The id of a migration as a page has it, or its beginning.</summary>
    [GeneratedRegex(@"\b2[5-9][01]\d[0-3]\d(?:-\d{6}-[a-z0-9]{3})?\b")]
    internal static partial Regex IdOrItsBeginning();

    [GeneratedRegex(@"\b\d{6}-\d{6}-[a-z0-9]{3}\b")]
    private static partial Regex Id();
}
