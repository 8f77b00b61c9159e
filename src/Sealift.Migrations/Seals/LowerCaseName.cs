using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sealift.Migrations.Seals;

/// <summary>An enumeration in JSON as the lower-case name of its member, never as a number.</summary>
/// <typeparam name="T">The enumeration; its members are single words.</typeparam>
public sealed class LowerCaseName<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.CamelCase, allowIntegerValues: false)
    where T : struct, Enum;
