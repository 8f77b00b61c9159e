namespace Sealift.VSphere;

/// <summary>
/// Why a server refused: the type of its fault, as the vSphere Web Services API names it, and its words. Types that nobody knows here
/// stay what they are called.
/// </summary>
/// <param name="Name">The fault's type without its namespace: <c>NoPermission</c>; <c>RuntimeFault</c> where there is only text.</param>
/// <param name="Message">What the server says about it, in its own language; may be empty.</param>
/// <param name="Detail">The fault with all that is in it; null where there is only text.</param>
public sealed record VSphereFault(string Name, string Message, VimElement? Detail)
{
    /// <summary>The session is not valid, or there is none.</summary>
    public bool IsNotAuthenticated => Name == "NotAuthenticated";

    /// <summary>User or password are wrong.</summary>
    public bool IsInvalidLogin => Name is "InvalidLogin" or "InvalidClientCertificate" or "NoClientCertificate" or "PasswordExpired";

    /// <summary>The account lacks a privilege.</summary>
    public bool IsNoPermission => Name == "NoPermission";

    /// <summary>The object is gone, or never was.</summary>
    public bool IsNotFound => Name is "ManagedObjectNotFound" or "NotFound";

    /// <summary>The machine is not in a power state in which this can be done.</summary>
    public bool IsInvalidPowerState => Name == "InvalidPowerState";

    /// <summary>A file of the machine is missing, locked, or cannot be read or written: <c>FileFault</c> and all that derive from it.</summary>
    public bool IsFileFault => Name is "FileFault" or "CannotAccessFile" or "CannotCreateFile" or "CannotDeleteFile" or "DirectoryNotEmpty" or "FileAlreadyExists" or "FileLocked"
        or "FileNameTooLong" or "FileNotFound" or "FileNotWritable" or "FileTooLarge" or "IncorrectFileType" or "NetworkCopyFault" or "NoDiskSpace" or "NotADirectory" or "NotAFile";

    /// <summary>The request itself is wrong, or the server cannot read it.</summary>
    public bool IsInvalidArgument => Name is "InvalidArgument" or "InvalidRequest" or "InvalidProperty" or "InvalidType" or "MethodNotFound" or "UnexpectedFault"
        or "InvalidName" or "InvalidCollectorVersion" or "InvalidDeviceSpec" or "SecurityError";

    /// <summary>The privilege that is missing, where <see cref="IsNoPermission"/>; null where the server does not say.</summary>
    public string? PrivilegeId => Detail?.TextOf("privilegeId") ?? Detail?.Find("missingPrivileges")?.TextOf("privilegeIds");

    /// <summary>The power state that the machine is in, where <see cref="IsInvalidPowerState"/>; null where the server does not say.</summary>
    public string? ExistingState => Detail?.TextOf("existingState");

    /// <summary>The file that it is about, where <see cref="IsFileFault"/>; null where the server does not say.</summary>
    public string? File => Detail?.TextOf("file");

    /// <summary>Reads a <c>LocalizedMethodFault</c>: the fault is in <c>fault</c>, or it is a fault by itself.</summary>
    /// <param name="element">Such an element.</param>
    public static VSphereFault Of(VimElement element)
    {
        var detail = element.Find("fault") ?? element;
        return new VSphereFault(detail.Type ?? "MethodFault", element.TextOf("localizedMessage") ?? string.Empty, detail);
    }

    /// <summary>Reads the <c>Fault</c> of a SOAP envelope.</summary>
    internal static VSphereFault OfSoap(VimElement element)
    {
        var detail = element.Find("detail")?.Children is [var only, ..] ? only : null;
        // InvalidLoginFault is the element, InvalidLogin the type. A server that leaves the type out has at least the element.
        const string Suffix = "Fault";
        var name = detail?.Type ?? (detail is null ? "RuntimeFault" : detail.Name.EndsWith(Suffix, StringComparison.Ordinal) ? detail.Name[..^Suffix.Length] : detail.Name);
        return new VSphereFault(name.Length == 0 ? "RuntimeFault" : name, element.TextOf("faultstring") ?? string.Empty, detail);
    }
}
