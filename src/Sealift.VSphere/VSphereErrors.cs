using System.Globalization;

namespace Sealift.VSphere;

/// <summary>Every error of this room, with its code.</summary>
internal static class VSphereErrors
{
    private const int SaidLimitCharacters = 512;

    // SL330x: the connection, the session, and what cannot be understood.

    public static VSphereException BadOption(string what, string subject, string said) =>
        new("SL3301", $"use the {what}", Fit(subject), Fit(said), "Correct it and try again");

    public static VSphereException Unreachable(string attempt, string peer, string said, Exception? inner = null) =>
        new("SL3302", attempt, Fit(peer), Fit(said), "Check the address, that the server is up, and that nothing between blocks port 443", inner);

    public static VSphereException NotTrusted(string attempt, string peer, string said, Exception? inner = null) =>
        new("SL3303", attempt, Fit(peer), Fit(said), "Compare the thumbprint with the one that the server's own console shows; if it is the same, name it, or name the file of the authority that signed it", inner);

    public static VSphereException NotUnderstood(string attempt, string peer, string said, Exception? inner = null) =>
        new("SL3304", attempt, Fit(peer), $"its reply is not understood: {Fit(said)}", "Check that this is the address of a vCenter or an ESXi host (https://HOST/sdk) of version 5.5 or later", inner);

    public static VSphereException Lost(string attempt, string peer, string said, Exception? inner = null) =>
        new("SL3305", attempt, Fit(peer), Fit(said), "It may have been done or not: look at the recent tasks of the server, then try again", inner);

    public static VSphereException SessionLost(string attempt, string peer) =>
        new("SL3306", attempt, Fit(peer), "the session had ended, and with it what belonged to it; a new one is open", "Start again what was asked");

    public static VSphereException Closed(string attempt, string peer) =>
        new("SL3307", attempt, Fit(peer), "the connection was closed before", "Open a new one");

    // SL331x: it refused.

    public static VSphereFaultException Refused(string attempt, string peer, VSphereFault fault)
    {
        var words = fault.Message.Length == 0 ? fault.Name : $"{fault.Name}: {fault.Message}";
        if (fault.IsInvalidLogin) return New("SL3310", "Check user and password, that the account is not locked, and that it may log in (DOMAIN\\USER or USER@DOMAIN)");
        if (fault.IsNotAuthenticated) return New("SL3311", "The server ends sessions at once: look at its session limits and its log");
        if (fault.IsNoPermission) return New("SL3312", $"Give the account the privilege {Fit(fault.PrivilegeId ?? "that the server names")} on that object, or use another account");
        if (fault.IsNotFound) return New("SL3313", "Look at the inventory: it was removed, moved to another server, or never was there");
        if (fault.IsInvalidPowerState) return New("SL3314", "Look at the machine: somebody else may have started or stopped it");
        if (fault.IsFileFault) return New("SL3315", "Look at the datastore: the file may be locked by another host or backup, be missing, or have no room");
        if (fault.IsInvalidArgument) return New("SL3316", "Check the server's version; if it is a supported one, report this as a bug");
        return New("SL3317", "Act on what the server says");

        VSphereFaultException New(string code, string nextStep)
        {
            var where = fault.File is { Length: > 0 } file ? $", file {file}" : fault.ExistingState is { Length: > 0 } state ? $", it is {state}" : string.Empty;
            return new(code, attempt, Fit(peer), Fit(words + where), nextStep, fault);
        }
    }

    // SL332x: it did something else.

    public static VSphereException TaskOverdue(string attempt, string peer, string task, TimeSpan deadline) =>
        new("SL3320", attempt, Fit(peer), $"its task {Fit(task)} has not ended within {deadline.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)} seconds; it may still go on", "Look at the recent tasks of the server: wait for it, or cancel it there");

    public static VSphereException BadChangedAreas(string disk, string said) =>
        new("SL3321", "ask which areas of a disk changed", Fit(disk), Fit(said), "Its change tracking is not to be believed: take a full pass, and reset change tracking of the machine");

    public static VSphereException SnapshotNotMade(string peer, string name) =>
        new("SL3322", "make a snapshot", Fit(peer), $"the reply was lost, no task makes it, and no snapshot is called '{Fit(name)}'", "Try again: a snapshot of that name is looked for first");

    public static VSphereException SnapshotAmbiguous(string peer, string name, int count) =>
        new("SL3323", "find a snapshot again", Fit(peer), $"{count} snapshots are called '{Fit(name)}'", "Remove those that nobody needs, then try again");

    public static VSphereException NotDone(string attempt, string peer, string said) =>
        new("SL3324", attempt, Fit(peer), Fit(said), "Look at the recent tasks and events of the machine");

    public static VSphereException LeaseEnded(string peer, string said) =>
        new("SL3325", "export a machine's disks", Fit(peer), Fit(said), "Look at the events of the machine, then start again");

    // SL3327 to SL3331: files of datastores.

    public static VSphereException NoSuchFile(string attempt, string file) =>
        new("SL3327", attempt, Fit(file), "the server has no such file", "Look at the datastore: the disk may have been moved or removed");

    public static VSphereException FileRefused(string attempt, string file, int status) =>
        new("SL3328", attempt, Fit(file), string.Create(CultureInfo.InvariantCulture, $"the server does not give it (HTTP status {status})"), "Give the account the privilege Datastore.Browse on the datastore, or read the disk in another way");

    public static VSphereException NotThatRange(string attempt, string file, string said) =>
        new("SL3329", attempt, Fit(file), $"the reply is not what was asked for: {Fit(said)}", "Something between here and the server changes what it sends: read the disk from elsewhere, or in another way");

    public static VSphereException FileChanged(string attempt, string file, string said) =>
        new("SL3330", attempt, Fit(file), $"the file is not what it was when it was opened: {Fit(said)}", "Somebody writes to it, or has replaced it: shut the machine down, then start again");

    public static VSphereException LostTooOften(string attempt, string file, int tries, Exception inner) =>
        new("SL3331", attempt, Fit(file), string.Create(CultureInfo.InvariantCulture, $"lost {tries} times; at last: {Fit(inner is VSphereException e ? e.Said : inner.Message)}"), "Check the network and the server, then resume", inner);

    // SL3332 to SL3334: files of leases. Their addresses are in no message: whoever has one may read the file.

    public static VSphereException BadLeaseFile(string peer, string file, string said) =>
        new("SL3332", "read a file of an export", Fit($"{peer}, {file}"), Fit(said), "Check the server's version; if it is a supported one, report this as a bug");

    public static VSphereException LeaseFileLost(string peer, string file, string said, Exception? inner = null) =>
        new("SL3333", "read a file of an export", Fit($"{peer}, {file}"), Fit(said), "Check the network, the server and the host that the machine is on, then start again: an export is read from its beginning", inner);

    public static VSphereException OtherThanManifest(string peer, string key, string said) =>
        new("SL3334", "compare a file of an export with the server's manifest", Fit($"{peer}, {key}"), Fit(said), "It was damaged on the way: start again; if it repeats, read the disk in another way");

    /// <summary>What a server says quotes names that somebody chose: one line, of printable characters.</summary>
    internal static string Fit(string said)
    {
        var cut = said.Length > SaidLimitCharacters ? said[..SaidLimitCharacters] + "…" : said;
        return string.Concat(cut.Select(c => char.IsControl(c) || char.IsSurrogate(c) || char.GetUnicodeCategory(c) == UnicodeCategory.Format ? ' ' : c)).Trim().TrimEnd('.');
    }
}
