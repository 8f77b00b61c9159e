using System.Globalization;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations;

/// <summary>Every error of this room but those of the seals: SL70xx journal and plan, SL71xx preflight, SL72xx evidence, SL73xx running sources.</summary>
internal static class MigrationErrors
{
    public static SealiftException JournalDamaged(string path, string said, Exception? inner = null) =>
        new("SL7001", "use the journal", path, said, "Nothing was deleted. Restore the state directory from a backup, or move it away and start with a fresh one; targets that were handed over are not affected", inner);

    public static SealiftException JournalTooNew(string path, long version, int known) =>
        new("SL7002", "use the journal", path, $"it has schema version {version}, and this Sealift knows {known}", "Use the newer Sealift that wrote it");

    public static SealiftException Unknown(string id) =>
        new("SL7003", "find a migration", id, "there is none of this id, or several begin so", "See `sealift list` for the ids");

    public static SealiftException Busy(string id) =>
        new("SL7004", "work on a migration", id, "another process works on it", "Wait for it, or cancel it with `sealift cancel`");

    public static SealiftException Over(string id, Verdict verdict) =>
        new("SL7005", "resume a migration", id, $"it is over: {verdict.ToString().ToLowerInvariant()}", "See `sealift show` for its report; start a new migration where that is wanted");

    public static SealiftException NotCancellable(string id, string said) =>
        new("SL7006", "cancel a migration", id, said, "See `sealift show`; use `sealift resume` to finish it, or `sealift remove` to remove what was made");

    public static SealiftException JournalFailed(string path, Exception inner) =>
        new("SL7007", "write the journal", path, inner.Message, "Check space, permissions and health of the file system that holds the state directory, then resume", inner);

    public static SealiftException BadPlan(string field, string said, string nextStep) =>
        new("SL7010", "start a migration", field, said, nextStep);

    public static SealiftException KeysMissing(string selector) =>
        new("SL7011", "open an encrypted volume", selector, "its key is not kept, and was not given again", "Resume with `sealift resume`, which reads the file again or asks");

    public static SealiftException BadWaiver(string text) =>
        new("SL7020", "read a waiver", text, "it is not CLASS:FILESYSTEM=REASON", "Copy class and file system from the finding and say why, such as ext4.errors:1b2c…=known since May");

    public static SealiftException TargetExists(string path) =>
        new("SL7101", "use a target", path, "it exists", "Choose another directory or name, move it away, or pass --overwrite to replace it after everything else was proven");

    public static SealiftException TargetNotReplaceable(string path, FileKind kind) =>
        new("SL7101", "use a target", path, $"it exists, and it is a {kind}, which is never replaced", "Choose another directory or name, or move it away");

    public static SealiftException NoSpace(string directory, long neededBytes, long freeBytes) =>
        new("SL7102", "fit the machine into a directory", directory, string.Create(CultureInfo.InvariantCulture, $"it needs up to {neededBytes} bytes and {freeBytes} are free"), "Free space there or choose another target directory");

    public static SealiftException ToolMissing(string tool, string package) =>
        new("SL7103", "run a needed program", tool, "it is not in PATH", $"Install it (on Debian: apt install {package}); `sealift doctor` lists everything that is needed");

    public static SealiftException TargetNotDirectory(string path, string said) =>
        new("SL7104", "use a target directory", path, said, "Choose a directory on a local file system that you may write to");

    public static SealiftException SourceInTarget(string source, string path) =>
        new("SL7105", "use a target", path, $"it is the source {source}", "Choose another target directory: a source is never written to");

    public static SealiftException FirmwareMissing(bool secureBoot) =>
        new("SL7106", "find UEFI firmware for the boot proof", secureBoot ? "OVMF with secure boot" : "OVMF", "it is in none of the places where distributions keep it", "Install it (on Debian: apt install ovmf), name it in OVMF_CODE and OVMF_VARS, or pass --no-boot-check");

    public static SealiftException DomainExists(string domain, string said, string nextStep) =>
        new("SL7120", "define the domain", domain, said, nextStep);

    public static SealiftException NoNetwork(string network, string said, string nextStep) =>
        new("SL7121", "connect the machine to a network", network, said, nextStep);

    public static SealiftException QemuCannotReach(string directory, uint user) =>
        new("SL7122", "have QEMU reach the pool's directory", directory, string.Create(CultureInfo.InvariantCulture, $"libvirt runs QEMU as user {user}, who may not pass into it"), "Let others pass into it and each directory above it (chmod o+x), or choose another pool");

    public static SealiftException PoolMoved(string pool, string found, string planned) =>
        new("SL7123", "use a storage pool", pool, $"its directory is {found}, and was {planned} when the migration began", "Give it that directory again, or remove this migration and start a new one");

    public static SealiftException DomainRuns(string domain) =>
        new("SL7124", "rely on the new domain being off", domain, "it, or one in its place, runs", "Shut it down (virsh shutdown), and try again; a domain that runs is never undefined");

    public static SealiftException DomainReplaced(string domain, string said) =>
        new("SL7125", "use the domain that was defined", domain, said, "Find out who replaced it; resume to define it again");

    public static SealiftException NotStarted(string domain, SealiftException inner) =>
        new("SL7126", "start the new domain", domain, inner.Said, "The machine is sealed and defined. Lift the cause and resume, or start it yourself: virsh start", inner);

    public static SealiftException PoolNotWritable(string pool, string directory, PosixException inner) =>
        new("SL7127", "write to a storage pool", $"{pool}: {directory}", inner.Said, "Run sealift as a user who may write there (mostly root), or choose another pool", inner);

    public static SealiftException BadDiskTarget(string target, string said, string nextStep) =>
        new("SL7128", "bring a disk to a device or an export", target, said, nextStep);

    public static SealiftException NoDevice(string target) =>
        new("SL7129", "bring a disk to a device or an export", target, "it is neither a block device of this host nor an NBD export", "Connect it to this host first (as by iscsiadm) and name the device that comes of it, or copy the disk alone with `sealift copy`");

    public static SealiftException DeviceChanged(string device, string said) =>
        new("SL7130", "use what a disk was brought to", device, said, "Find out what happened to it. It is not to be used; remove this migration and start a new one");

    public static SealiftException NoLink(string path, string device, Exception inner) =>
        new("SL7131", "make a link to a device", $"{path} -> {device}", inner.Message, "Choose a target directory on a file system that has symbolic links", inner);

    public static SealiftException BadExport(string export, string said, string nextStep) =>
        new("SL7140", "bring a disk to an NBD export", export, said, nextStep);

    public static SealiftException TooFewClients(string export, SealiftException inner) =>
        new("SL7141", "connect to an NBD export as often as a copy to it will", export, $"{inner.Code}: {inner.Said}", "It was reached a moment ago. Have its server go on when a client has left, and serve 8 clients at once (qemu-nbd --persistent --shared=8)", inner);

    public static SealiftException NoExportNamed(string path, string said, SealiftException? inner = null) =>
        new("SL7142", "read which NBD export a disk is on", path, said, "Have it hold the URI of the export, in one line", inner);

    public static SealiftException OtherExportNamed(string path, string named, string sealedExport) =>
        new("SL7143", "read which NBD export a disk is on", path, $"it names {named}, and sealed was {sealedExport}", "Find out who changed it, and write the sealed URI into it again; where the disk was brought elsewhere since, name a file with the new URI with --disk");

    public static SealiftException OtherVolumeNamed(string path, string sealedVolume) =>
        new("SL7145", "read which volume a disk is", path, $"it does not say what was sealed, {sealedVolume}", "Find out who changed it, and write the sealed name into it again; where the disk was moved since, or is reached by a key of its own, name it: --disk disk1=qemu+ssh://USER@HOST/system?keyfile=/PATH:/PATH/OF/VOLUME");

    public static SealiftException InheritedDamage(int count, string first) =>
        new("SL7201", "pass the check of the source", $"{Measures.Count(count, "finding")} of damage, the first: {first}", "the source is damaged and no waiver names it", "Repair it in the source machine and start again, or waive each finding by class and file system with a reason (--waive)");

    public static SealiftException FirmwareCannotBoot(string machine) =>
        new("SL7208", "find what the machine boots from", machine, "it is to boot by BIOS, but there is no boot code on any of its disks; there is an EFI system partition", "Pass --firmware uefi");

    public static SealiftException NewDamage(int count, string first) =>
        new("SL7202", "pass the check of the target", $"{Measures.Count(count, "finding")}, the first: {first}", "that was not there before the conversion", "The copied disks are as they arrived. Look at the log of convert and check-target, or migrate with --no-convert");

    public static SealiftException CommittedDamage(int count, string first) =>
        new("SL7211", "pass the check of the committed disks", $"{Measures.Count(count, "finding")}, the first: {first}", "the converted machine did not have that before it was committed", "Check the target's storage (kernel log); nothing was handed over. Resume to commit and read back every disk again");

    public static SealiftException DegradedNotAccepted(string why) =>
        new("SL7203", "prove everything", why, "the machine could only be handed over as degraded, and the plan does not accept that", "Lift the cause, or accept it with --accept-degraded");

    public static SealiftException RootsDiffer(string disk, string what, string expected, string actual) =>
        new("SL7204", $"prove {disk}", what, $"expected {expected}, read back {actual}", "Check the target's storage (kernel log); nothing was handed over. Resume to copy this disk again");

    public static SealiftException EvidenceMissing(string what) =>
        new("SL7205", "go on with a migration", what, "the journal does not hold it", "Start a new migration; this one cannot be proven");

    public static SealiftException FileReplaced(string path) =>
        new("SL7206", "use a file that was made earlier", path, "it is gone, or no longer the file that Sealift made", "Find out who replaced it; remove this migration and start a new one");

    public static SealiftException MapMismatch(string path, string expected, string actual) =>
        new("SL7207", "use a block map that was made earlier", path, $"its root is {actual} and the journal says {expected}", "Check the target's storage; remove this migration and start a new one");

    public static SealiftException DidNotBoot(string machine, string said, string logPath) =>
        new("SL7209", "see the new machine boot", machine, said.TrimEnd('.'), $"The page of the report shows its last screen, and {logPath} what its console said. Resume to try again; a new migration with --no-boot-check hands it over untried");

    public static SealiftException GateClosed(string reasons) =>
        new("SL7210", "pass the gate", "this migration", reasons, "Nothing was handed over; see the report for every reason");

    public static SealiftException Obstacles(int count, string first, string said) =>
        new("SL7212", "find the source ready for its conversion", $"{Measures.Count(count, "obstacle")}, the first: {first}", said, "Nothing was copied. Lift it in the source machine and start again (`sealift check --inspect` says how), migrate it as it is with --no-convert, or waive each by class and file system with a reason (--waive)");

    public static SealiftException DisksChanged(string disk, string said) =>
        new("SL7301", "follow the disks of the running machine", disk, said, "Put the machine's disks back as they were and resume, or remove this migration and start a new one");


    public static SealiftException ScratchFull(string directory, long free) =>
        new("SL7303", "keep aside what the guest overwrites", directory, $"only {free} bytes are free there", "Free space there, or name another directory with --scratch, and resume. The guest was not disturbed");

    public static SealiftException SourceStirred(string machine, string said) =>
        new("SL7304", "rely on the source, which was off", machine, said, "Shut it down and resume: what changed is copied then");

    public static SealiftException SourceWentOn(string machine, string said) =>
        new("SL7307", "rely on the source, which was off", machine, said, "What was copied is not its last state any more: remove this migration and start a new one");

    public static SealiftException NotWarm(string id) =>
        new("SL7305", "steer a migration", id, "its source does not run", "Only warm migrations have passes and a cutover");

    public static SealiftException PastCutover(string id) =>
        new("SL7306", "steer a migration", id, "its cutover has begun, or it is over", "Look at it with `sealift show`");

    public static SealiftException Unexpected(string step, Exception inner) =>
        new("SL7299", $"finish {step}", "this migration", $"{inner.GetType().Name}: {inner.Message}", "This is a defect of Sealift: please report it with the log. Nothing was handed over; resume may help", inner);
}
