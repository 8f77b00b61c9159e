using Sealift.Disks;
using Sealift.Posix;
using Sealift.Providers.Ova;

namespace Sealift.Providers;

/// <summary>Every error of this room: SL60xx sources, SL61xx packages, SL62xx OVF descriptors, SL63xx target directories, SL64xx running machines.</summary>
internal static class ProviderErrors
{
    private const string GetItAgain = "Get the package again from where it came from, and compare its checksum there";

    public static SealiftException NotASource(string path, string said, string next) => new("SL6001", "recognise the source", Clean(path), said, next);

    public static SealiftException SeveralSources(string package, int count) => new(
        "SL6002", "read several sources as one machine", Clean(package), $"it is a package, and {count} sources were named",
        "Name a package alone; only disk images can be given several at a time");

    public static SealiftException SourceChanged(string path, FileFacts was, FileFacts now) => new(
        "SL6003", "use a source that was read before", Clean(path),
        $"it changed meanwhile: {Describe(was)} then, {Describe(now)} now",
        "Shut the machine down and make sure that nothing else writes this file, then start again");

    public static SealiftException SameDiskTwice(string first, string second) => new(
        "SL6004", "read the disks of the machine", Clean(second), $"it is, or contains, the same file as '{Clean(first)}'",
        "Name each disk once, and only the file that stands for all of it");

    public static SealiftException Override(string what, string given, string range) => new(
        "SL6005", $"set the {what}", Clean(given), $"it must be {range}", "Correct the option");

    public static SealiftException NothingRuns(string peer, string said) => new("SL6401", "migrate the running machine", Clean(peer), said, "Check that this is the socket of the machine that you mean");

    public static SealiftException NotShutDown(string peer, TimeSpan deadline) => new(
        "SL6402", "shut the guest down", Clean(peer), $"it was asked to, and had not within {deadline.TotalSeconds:0} seconds",
        "Shut it down from inside, or allow it to be stopped by force, and resume");

    public static SealiftException NotStopped(string peer, string status) => new(
        "SL6403", "rely on the state of the machine", Clean(peer), $"QEMU says that it is '{Clean(status)}'", "Look at the machine: somebody else may be steering it");

    public static SealiftException ServerInUse(string peer) => new(
        "SL6404", "show its disks over NBD", Clean(peer), "its NBD server is in use by somebody else, and QEMU has only one",
        "Wait until the other backup or migration is over, or end it");

    public static SealiftException UnderBackup(string peer, string disk, string filter) => new(
        "SL6407", $"use the disk {Clean(disk)}", Clean(peer), $"a backup of it is running (node {Clean(filter)})",
        "Wait until it is over; where its name begins with sealift- and no Sealift runs, `sealift cleanup` takes it back");

    public static SealiftException StillThere(string peer, string kind, string name, TimeSpan deadline) => new(
        "SL6405", $"take back the {kind} {name}", Clean(peer), $"it was still there after {deadline.TotalSeconds:0} seconds", "Look at QEMU's log; `sealift cleanup` takes it back later");

    public static SealiftException BadAnswer(string peer, string command, string member) => new(
        "SL6406", $"understand {command} of QEMU", Clean(peer), $"there is no usable '{member}' in it", "Check the version of QEMU (7.0 or later), and report this as a bug");

    public static SealiftException BadQmpName(string source, string said) => new(
        "SL6408", "read the name of a running QEMU", Clean(source), said, "Name it as qmp:SOCKET, or qmp:SOCKET?agent=SOCKET");

    public static SealiftException AgentDidNotThaw(string machine, string said, Exception? inner) => new(
        "SL6409", "thaw the guest's file systems", Clean(machine), said,
        "Whatever writes in that guest is waiting: say {\"execute\":\"guest-fsfreeze-thaw\"} on the agent's socket, or reset the guest", inner);

    public static SealiftException BadLibvirtName(string source, string said) => new(
        "SL6411", "read the name of a libvirt domain", Clean(source), said, "Name it as qemu:///system/DOMAIN, or qemu+ssh://USER@HOST/system/DOMAIN");

    public static SealiftException BadLibvirtAnswer(string source, string said) => new(
        "SL6413", "understand what libvirt says", Clean(source), Clean(said), "Check libvirt's version (7.2 or later), and report this as a bug");

    public static SealiftException DomainIsOff(string source, IEnumerable<string> files) => new(
        "SL6414", "follow the running machine", Clean(source), "it is off", $"Start it, or migrate its disks, which stand still: {Clean(string.Join(", ", files))}");

    public static SealiftException NotCleanlyOff(string source, string reason) => new(
        "SL6415", "rely on the guest having shut down", Clean(source), $"libvirt says that it is off by '{Clean(reason)}'",
        "Start it, see that it comes up, and resume; or allow it to be taken as after a power cut, with --force-off");

    public static SealiftException NotThawed(string source, string said) => new(
        "SL6416", "thaw the guest's file systems", Clean(source), Clean(said), "Run `virsh domfsthaw` on it now: whatever writes in that guest is waiting");

    public const string NotForwardedCode = "SL6417", NotLoggedInCode = "SL6418", HostLostCode = "SL6419";

    public static SealiftException NotForwarded(string host, string path, TimeSpan deadline) => new(
        NotForwardedCode, $"reach {Clean(path)} over SSH", Clean(host), $"ssh had not forwarded it after {deadline.TotalSeconds:0} seconds", "Check that sshd there allows AllowStreamLocalForwarding");

    public static SealiftException NotLoggedIn(string host, string said) => new(
        NotLoggedInCode, "log in over SSH", Clean(host), said.Trim().Length == 0 ? "ssh said nothing" : Clean(said.Trim().ReplaceLineEndings("; "), 1000),
        "Log in once by hand with ssh as the same user: the key must need no passphrase or be in an agent, and the host's key must be known");

    public static SealiftException HostLost(string host, string said) => new(
        HostLostCode, "run a command over SSH", Clean(host), said.Trim().Length == 0 ? "the connection ended" : Clean(said.Trim().ReplaceLineEndings("; "), 1000), "Check that the host is up and can be reached");

    public static SealiftException BadTar(string path, long offset, string said) => new("SL6101", "read the archive", $"{Clean(path)}, header at offset {offset}", said, GetItAgain);

    public static SealiftException BadMember(string path, long offset, string name, string said) => new(
        "SL6102", "read the archive", $"{Clean(path)}, member '{Clean(name)}' at offset {offset}", said,
        "A package consists of plain files only: do not trust this one, export the machine again");

    public static SealiftException NotRegular(string path, FileKind kind) => new(
        "SL6102", "read a file of the package", Clean(path), $"it is a {kind}, or leads through one",
        "A package consists of plain files in plain directories: put the files themselves there");

    public static SealiftException BadName(string container, string name, string said) => new(
        "SL6103", "use a file name from the package", $"{Clean(container)}, '{Clean(name)}'", said,
        "A package names only files of its own: do not trust this one, export the machine again");

    public static SealiftException DuplicateMember(string path, string name) => new(
        "SL6104", "read the archive", $"{Clean(path)}, member '{Clean(name)}'", "it is there twice, so nobody can say which one counts", "Export the machine again");

    public static SealiftException TooMany(string path, string what, int limit) => new(
        "SL6105", "read the package", Clean(path), $"it has more than {limit} {what}", "No package of a machine is like that: check what the file is");

    public static SealiftException TooLarge(string package, string name, long lengthBytes, long limitBytes) => new(
        "SL6105", "read the package", $"{Clean(package)}, '{Clean(name)}'", $"it has {lengthBytes} bytes, more than {limitBytes}", "No such file is that large: check what it is");

    public static SealiftException BadGzip(string subject, string said, Exception? inner = null) => new("SL6106", "unpack gzip", Clean(subject), said.TrimEnd('.'), GetItAgain, inner);

    public static SealiftException NoSpaceToUnpack(string subject, string directory, long doneBytes, long freeBytes, long reserveBytes) => new(
        "SL6107", "unpack gzip", Clean(subject),
        $"after {doneBytes} bytes only {freeBytes} are free in {directory}, of which {reserveBytes} stay in reserve",
        "Free space there or choose another directory for working files; if the content cannot be that large, do not trust it");

    public static SealiftException BadManifest(string manifest, int line, string said) => new(
        "SL6110", "read the manifest", $"{Clean(manifest)}, line {line}", said, "Export the machine again, or remove the manifest if you can vouch for the package yourself");

    public static SealiftException DigestMismatch(string manifest, ManifestLine line, string found) => new(
        "SL6111", "verify the package", $"{Clean(manifest)}, file '{Clean(line.Name)}'",
        $"its {line.Algorithm.Name} is {found}, but the manifest says {line.Digest}", "It was damaged or changed after it was exported. " + GetItAgain);

    public static SealiftException MissingFile(string package, string name, string namedBy) => new(
        "SL6112", "find a file of the package", $"{Clean(package)}, '{Clean(name)}'", $"{Clean(namedBy)} names it, and it is not there", "The package is incomplete. " + GetItAgain);

    public static SealiftException NoDescriptor(string package, string said) => new(
        "SL6113", "find the OVF descriptor", Clean(package), said, "Check that this is an OVF package; for disk images name the images themselves");

    public static SealiftException SeveralDescriptors(string package, string extension, IReadOnlyList<string> names) => new(
        "SL6113", $"find the one {extension} file", Clean(package), $"there are several: {string.Join(", ", names.Take(5).Select(n => Clean(n)))}",
        "Name the descriptor that you mean; an archive must hold one only");

    public static SealiftException UnsafeXml(string source, string said, Exception? inner = null) => new(
        "SL6201", "parse the OVF descriptor", Clean(source), Clean(said, 400), "A sound descriptor is plain XML without DTD and entities: export the machine again", inner);

    public static SealiftException NotOvf(string source, string root) => new(
        "SL6203", "read the OVF descriptor", Clean(source), $"its root is {Clean(root)}, not an OVF 1.x or 2.x Envelope", "Convert it with a current ovftool, or name the disk images themselves");

    public static SealiftException OvfField(string source, string where, string field, string said, string next) => new(
        "SL6204", "read the OVF descriptor", $"{Clean(source)}, {where}, {field}", said, next);

    public static SealiftException SeveralMachines(string source, IReadOnlyList<string> names) => new(
        "SL6205", "choose a machine", Clean(source), $"it holds {names.Count}: {string.Join(", ", names.Take(20).Select(n => $"'{n}'"))}", "Name one of them with --name, as it stands there, and migrate them one by one");

    public static SealiftException Chunked(string source, string where, string href, string chunkSize) => new(
        "SL6206", "read the OVF descriptor", $"{Clean(source)}, {where}, File '{Clean(href)}'", $"it is split into chunks of {Clean(chunkSize)} bytes", "Export the machine again without chunks (ovftool: leave out --chunkSize)");

    public static SealiftException MissingReference(string source, string where, string said, string section) => new(
        "SL6207", "read the OVF descriptor", $"{Clean(source)}, {where}", $"{said}, which is not in its {section}", "The descriptor is incomplete: export the machine again");

    public static SealiftException CapacityMismatch(string source, OvfDisk disk, ImageReference image) => new(
        "SL6208", "match the disk with its description", $"{Clean(source)}, {disk.Line}, Disk '{Clean(disk.Id)}'",
        $"the descriptor says {disk.CapacityBytes} bytes, and the image {Clean(disk.File?.Href ?? "blank")} holds {image.VirtualLengthBytes}",
        "One of the two is wrong: export the machine again, or migrate the image by itself if you know that it is whole");

    public static SealiftException SizeMismatch(string source, OvfFile file, long sizeBytes) => new(
        "SL6209", "match the file with its description", $"{Clean(source)}, {file.Line}, File '{Clean(file.Href)}'",
        $"the descriptor says {file.SizeBytes} bytes, and the file has {sizeBytes}", "It was truncated or replaced. " + GetItAgain);

    // SL654x: machines of vSphere.

    public static SealiftException BadVSphereName(string source, string said) => new(
        "SL6541", "use a machine of vSphere as a source", Clean(source), said, "Write it as vsphere://SERVER/DATACENTER/vm/FOLDER/MACHINE, as `sealift inventory vms SERVER` shows it, or with its UUID");

    public static SealiftException NoVSphereMachine(string source) => new(
        "SL6542", "find the machine", Clean(source), "the server has no such machine, or the account may not see it", "Look for it with `sealift inventory vms`; name it by its UUID, which stays the same when it is renamed or moved");

    public static SealiftException VSphereObstacles(string source, IReadOnlyList<Concern> obstacles) => new(
        "SL6543", "migrate the machine", Clean(source),
        string.Join("; ", obstacles.Take(10).Select(o => $"{o.Class}: {Clean(o.Subject)}: {Clean(o.Text)}")) + (obstacles.Count > 10 ? $"; and {obstacles.Count - 10} more" : string.Empty),
        string.Join(". ", obstacles.Take(10).Select(o => o.NextStep).Distinct()));

    public static SealiftException TrackerRefused(string disk, SealiftException inner) => new(
        TrackerRefusedCode, "ask which areas of a disk changed", Clean(disk), inner.Message.TrimEnd('.'), "Nothing is lost: all of the disk is read and compared", inner);

    public static SealiftException StillRuns(string source, string state) => new(
        "SL6545", "read the disks of a machine that is off", Clean(source), $"it is {Clean(state)}", "Somebody started it: shut it down, then resume");

    public static SealiftException NotHeard(string source, string said) => new(
        "SL6546", "shut the guest down", Clean(source), said.TrimEnd('.'), "Start VMware Tools in the guest, or shut it down there and resume; --force-off stops it as a power cut would");

    public static SealiftException NotInSnapshot(string source, string disk, string said) => new(
        "SL6547", "take a point in time", $"{Clean(source)}, {disk}", said, "Its disks are being changed: resume when that is over");

    public static SealiftException SpaceNotTold(string source, string datastore) => new(
        "SL6549", "look after the free space of a datastore", $"{Clean(source)}, {Clean(datastore)}", "the server does not tell it", "Give the account the privilege System.View on the machine's datastores: a snapshot must not fill them");

    public static SealiftException NoServers(string source) => new(
        "SL6548", "use a machine of vSphere as a source", Clean(source), "no servers are known here", "Add the server with `sealift provider add vsphere`");

    public static SealiftException TargetName(string what, string name, string said) => new(
        "SL6301", $"describe the target's {what}", Clean(name), said, "This is a value that the target must not have: report it as a bug");

    public static SealiftException TooManyForBus(string machine, DiskBus bus, int count, int limit) => new(
        "SL6302", "attach the target's disks", Clean(machine), $"{count} disks on {bus}, which takes {limit}", "Choose another bus (--bus), or convert the guest to virtio");

    /// <summary>Of <see cref="TrackerRefused"/>: everything is read then.</summary>
    public const string TrackerRefusedCode = "SL6544";

    internal static string Clean(string text) => Clean(text, 300);

    internal static string Clean(string text, int length)
    {
        var clean = new string([.. text.Take(length).Select(c => char.IsControl(c) ? '?' : c)]);
        return text.Length > length ? clean + "…" : clean;
    }

    private static string Describe(FileFacts facts) => $"{facts.LengthBytes} bytes, inode {facts.Inode}, changed at {facts.ModifiedNanoseconds} ns";
}
