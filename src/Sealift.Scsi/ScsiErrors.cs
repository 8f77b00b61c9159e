using System.Globalization;

namespace Sealift.Scsi;

/// <summary>Every error of this room, with its code.</summary>
internal static class ScsiErrors
{
    // SL320x: how it was asked for.

    public static ScsiException BadUri(string uri, string said) =>
        new("SL3201", "parse the iSCSI URI", uri, said, "Write it as iscsi://[USER@]HOST[:PORT]/TARGET/LUN, such as iscsi://array/iqn.2001-05.com.example:vol/1");

    public static ScsiException NoLibrary(Exception inner) =>
        new("SL3202", "use iSCSI", "libiscsi.so.7", inner is EntryPointNotFoundException ? $"it lacks what is needed: {inner.Message}" : "the library cannot be loaded", "Install the package libiscsi7", inner);

    public static ScsiException NoPassword(string uri, string user) =>
        new("SL3203", "log in", uri, $"there is no password for the user {user}", "Put it into a file that nobody else can read, and pass --iscsi-password-file FILE");

    public static ScsiException BadPasswordFile(string path, string said) =>
        new("SL3204", "read the password", path, said, "Put the password into the first line of a file that nobody else can read");

    public static ScsiException BadInitiator(string name, string said) =>
        new("SL3205", "log in", name, said, "Give a name such as iqn.2001-05.com.example:host, as --iscsi-initiator or in /etc/iscsi/initiatorname.iscsi");

    // SL321x: it is not reached.

    public static ScsiException LoginFailed(string unit, string said) =>
        new("SL3210", "log in", unit, said, "Check that the target runs, that its name is right, and that it lets this initiator in");

    public static ScsiException Silent(string unit, string attempt, TimeSpan deadline) =>
        new("SL3211", attempt, unit, string.Create(CultureInfo.InvariantCulture, $"not answered within {deadline.TotalSeconds:0.###} s"), "Check the target and the storage below it, or raise --io-timeout, then resume");

    public static ScsiException Lost(string unit, string attempt, string said) =>
        new("SL3212", attempt, unit, said, "Look at the target's log and at the network, then resume");

    public static ScsiException LibraryFailed(string unit, string call, string said) =>
        new("SL3213", call, unit, said, "Report this as a bug, with the version of libiscsi7");

    public static ScsiException NotPassed(string device, string attempt, string said) =>
        new("SL3214", attempt, device, said, "Name a whole SCSI disk of this host, or copy it in another way");

    // SL322x: what it answered.

    public static ScsiSenseException Sense(string unit, string attempt, ScsiSense sense) => new(attempt, unit, sense, sense.Key switch
    {
        ScsiSense.NotReady => "Make the unit ready, then resume",
        ScsiSense.DataProtect when sense.Asc == 0x27 && sense.Ascq == 0x07 => "Free space on the array, then resume",
        ScsiSense.DataProtect => "Let this initiator write to the unit",
        ScsiSense.MediumError or ScsiSense.HardwareError => "Check the storage below the unit",
        ScsiSense.IllegalRequest => "The unit does not offer what is needed: use another way",
        _ => "Look at the target's log",
    });

    public static ScsiException Reserved(string unit, string attempt, string said) =>
        new("SL3221", attempt, unit, said, "Whoever reserved the unit uses it: release it there. A reservation is never broken from here");

    public static ScsiException StaysBusy(string unit, string attempt, string said) =>
        new("SL3222", attempt, unit, said, "Try again when the unit has less to do");

    public static ScsiException NotUnderstood(string unit, string attempt, string said) =>
        new("SL3223", attempt, unit, said, "Do not trust this target; report it to its makers");

    public static ScsiException NoDisk(string unit, string said) =>
        new("SL3224", "use it as a disk", unit, said, "Name the logical unit of a disk");

    public static ScsiException OtherUnit(string unit, string was, string now) =>
        new("SL3225", "rely on which unit answers", unit, $"it was {was}, and says now that it is {now}", "Somebody mapped another volume there: nothing more is written. Check the array's mappings, then begin anew");

    public static ScsiException CapacityChanged(string unit, string said) =>
        new("SL3226", "rely on the unit's capacity", unit, said, "Nobody may resize it meanwhile: begin anew");

    public static ScsiException CacheLost(string unit, string attempt, ScsiSense sense) =>
        new("SL3227", attempt, unit, $"{sense}, while it held writes that had not been flushed", "They may be lost: resume, which writes them again");

    public static ScsiException WritesToSource(string unit, string command) =>
        new("SL3228", command, unit, "it was opened for reading only", "Report this as a bug");

    // SL325x: copies that it makes in the background.

    public static ScsiException CopyNotSeenToEnd(string unit, string attempt, string said) =>
        new("SL3250", attempt, unit, said, "The target may go on to write there: look at its own list of copies, and resume when there is none. --transfer stream does without them");

    public static ScsiException CopyTooSlow(string unit, string attempt, TimeSpan deadline) =>
        new("SL3251", attempt, unit, string.Create(CultureInfo.InvariantCulture, $"not ended within {deadline.TotalSeconds:0.###} s, and aborted"), "Check the target and the storage below it, then resume, or use --transfer stream");
}
