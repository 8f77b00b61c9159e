namespace Sealift.VSphere;

/// <summary>Something that happened, as the server's log has it (an <c>Event</c>).</summary>
/// <param name="Kind">Its type: <c>VmPoweredOnEvent</c>.</param>
/// <param name="CreatedAt">When, by the server's clock.</param>
/// <param name="UserName">Who did it; empty where nobody did, or the server does not say.</param>
public sealed record VimEvent(string Kind, DateTimeOffset CreatedAt, string UserName)
{
    internal static VimEvent Of(VimElement element) => new(element.Type ?? element.Name, element.Require("createdTime").AsTime(), element.TextOf("userName") ?? string.Empty);
}
