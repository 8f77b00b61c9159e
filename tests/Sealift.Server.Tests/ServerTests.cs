namespace Sealift.Server.Tests;

/// <summary>A server on a port of the loopback, as browsers see it.</summary>
public sealed class ServerTests
{
}
