using System.Xml.Linq;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// Asks libvirt by its own client. libvirt is LGPL and its C library a large one: a process for each question keeps it out of this one,
/// and does over SSH what it does here.
/// </summary>
internal sealed class Virsh(LibvirtName name, SshHost? host)
{
    private readonly string connection = name.ConnectionBy(host);

    // A backup job begins with a flush of the guest's, and a refresh of a pool waits for storage.
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Freezes, begins, thaws. It is one process of its own and not three calls of ours: it goes on to the thaw also when we are killed, so
    /// that no guest is left frozen. (The kernel's signal at our death goes to the shell, and not to what it started; and what that says
    /// to nobody must not end it.)
    /// </summary>
    private const string BeginFrozen = """
        trap '' PIPE
        begin() {
          virsh -q -c "$1" domfsfreeze --domain "$2" || echo "not frozen" >&2
          virsh -q -c "$1" backup-begin --domain "$2" --backupxml "$3" ${4:+--checkpointxml "$4"}; result=$?
          virsh -q -c "$1" domfsthaw --domain "$2" || echo "not thawed" >&2
          return $result
        }
        begin "$@" & wait $!
        """;

    /// <summary>Runs a command on the domain.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="LibvirtException">libvirt refused.</exception>
    public Task<string> AskAsync(string command, CancellationToken cancel, params IEnumerable<string> arguments) =>
        RunAsync(name.Source, command, new ChildCommand("virsh", ["-q", "-c", connection, command, "--domain", name.Domain, .. arguments]), cancel);

    /// <summary>The same, read as XML.</summary>
    public async Task<XElement> AskXmlAsync(string command, CancellationToken cancel, params IEnumerable<string> arguments) =>
        LibvirtXml.Parse(await AskAsync(command, cancel, arguments), name.Source, command);

    /// <summary>Begins a backup job, with the guest's file systems frozen for as long as that takes.</summary>
    /// <param name="backup">The file with its description.</param>
    /// <param name="checkpoint">The file with that of the checkpoint that begins with it; null for none.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>Why they were not frozen; null where they were.</returns>
    public async Task<string?> BeginFrozenAsync(string backup, string? checkpoint, CancellationToken cancel)
    {
        var said = new List<string>();
        try
        {
            _ = await RunAsync(name.Source, "backup-begin", new ChildCommand("sh", "-c", BeginFrozen, "sh", connection, name.Domain, backup, checkpoint ?? string.Empty) { OnErrorLine = line => { lock (said) said.Add(line); } }, cancel); // it prints nothing that is asked for
        }
        catch (Exception e) when (e is OperationCanceledException or ChildException)
        {
            // Stopped in the middle, by us: nobody knows how far it came, and a guest must not stay frozen.
            await ThawAsync();
            throw;
        }

        lock (said)
        {
            if (said.Contains("not thawed") && !said.Contains("not frozen")) throw ProviderErrors.NotThawed(name.Source, string.Join("; ", said));
            return said.Contains("not frozen") ? said[0] : null;
        }
    }

    /// <summary>Thaws the guest's file systems. An agent that has none frozen says so, or is not there: both are as they should be.</summary>
    public async Task ThawAsync()
    {
        try
        {
            _ = await AskAsync("domfsthaw", CancellationToken.None); // how many there were
        }
        catch (LibvirtException)
        {
            // Nobody to ask, or a domain that is off: there is nothing that could be frozen.
        }
    }

    /// <summary>Runs virsh, or a script around it.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="LibvirtException">It ended with an error of its own.</exception>
    internal static async Task<string> RunAsync(string source, string command, ChildCommand child, CancellationToken cancel)
    {
        try
        {
            return (await ChildProcess.RunAsync(child with { Deadline = Deadline }, cancel)).Output;
        }
        catch (ChildException e) when (e.End is { BySignal: false })
        {
            throw new LibvirtException(source, command, e.LastWords);
        }
    }
}

/// <summary>libvirt refused something.</summary>
internal sealed class LibvirtException(string source, string command, string said) : SealiftException(
    "SL6412", $"have libvirt do {command}", ProviderErrors.Clean(source), ProviderErrors.Clean(Words(said), 1000),
    "See libvirt's log on that host (journalctl -u libvirtd), and try the same with virsh")
{
    /// <summary>Whether there is no such domain.</summary>
    public bool IsNoDomain => Said.Contains("failed to get domain", StringComparison.Ordinal);

    /// <summary>Whether there is no such storage pool.</summary>
    public bool IsNoPool => Said.Contains("failed to get pool", StringComparison.Ordinal);

    /// <summary>Whether there is no backup job.</summary>
    public bool IsNoBackup => Said.Contains("no domain backup job present", StringComparison.Ordinal);

    /// <summary>Whether libvirt was not reached, or was lost.</summary>
    public bool IsUnreachable =>
        Said.Contains("failed to connect to the hypervisor", StringComparison.Ordinal) || Said.Contains("Cannot recv data", StringComparison.Ordinal)
        || Said.Contains("Cannot write data", StringComparison.Ordinal) || Said.Contains("client socket is closed", StringComparison.Ordinal) || Said.Contains("End of file while reading data", StringComparison.Ordinal);

    private static string Words(string said) => said.Trim().Replace("error: ", string.Empty, StringComparison.Ordinal).ReplaceLineEndings("; ").TrimEnd('.');
}
