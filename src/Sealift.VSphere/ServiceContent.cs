namespace Sealift.VSphere;

/// <summary>What a server says that it is, and where its parts are.</summary>
/// <param name="FullName">Such as <c>VMware vCenter Server 8.0.3 build-24022515</c>.</param>
/// <param name="Version">Of the product: <c>8.0.3</c>.</param>
/// <param name="ApiVersion">Of the API: <c>8.0.3.0</c>.</param>
/// <param name="IsVirtualCenter">Whether it is a vCenter; else it is one host, which has neither moves nor other hosts.</param>
/// <param name="InstanceUuid">Which vCenter it is; null for a host.</param>
public sealed record ServiceContent(string FullName, string Version, string ApiVersion, bool IsVirtualCenter, string? InstanceUuid)
{
    /// <summary>The folder that everything is below.</summary>
    public required ManagedReference RootFolder { get; init; }

    /// <summary>What reads properties.</summary>
    public required ManagedReference PropertyCollector { get; init; }

    /// <summary>What sessions are opened with.</summary>
    public required ManagedReference SessionManager { get; init; }

    /// <summary>What lists are made with.</summary>
    public required ManagedReference ViewManager { get; init; }

    /// <summary>What objects are looked up with.</summary>
    public required ManagedReference SearchIndex { get; init; }

    /// <summary>What knows the privileges; null where the server has none.</summary>
    public ManagedReference? AuthorizationManager { get; init; }

    /// <summary>What knows what happened; null where the server has no log.</summary>
    public ManagedReference? EventManager { get; init; }

    internal static ServiceContent Of(VimElement element)
    {
        var about = element.Require("about");
        return new ServiceContent(
            about.TextOf("fullName") ?? about.TextOf("name") ?? string.Empty,
            about.TextOf("version") ?? string.Empty,
            about.TextOf("apiVersion") ?? string.Empty,
            about.TextOf("apiType") == "VirtualCenter",
            about.TextOf("instanceUuid"))
        {
            RootFolder = element.Require("rootFolder").AsReference(),
            PropertyCollector = element.Require("propertyCollector").AsReference(),
            SessionManager = element.Require("sessionManager").AsReference(),
            ViewManager = element.Require("viewManager").AsReference(),
            SearchIndex = element.Require("searchIndex").AsReference(),
            AuthorizationManager = element.ReferenceOf("authorizationManager"),
            EventManager = element.ReferenceOf("eventManager"),
        };
    }
}
