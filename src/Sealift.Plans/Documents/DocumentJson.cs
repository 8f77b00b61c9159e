using System.Text.Json.Serialization;
using Sealift.Disks;
using Sealift.Migrations;
using Sealift.Migrations.Seals;

namespace Sealift.Plans.Documents;

/// <summary>How documents are written as JSON, without reflection. They are read by <see cref="DocumentReader"/>, which says where something is wrong, and knows what stands for a field that is left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    Converters =
    [
        typeof(TimeText), typeof(SizeText), typeof(InstantText), typeof(JsonStringEnumConverter<HookStep>), typeof(LowerCaseName<HookFailure>), typeof(LowerCaseName<PlanType>), typeof(LowerCaseName<TargetPowerState>),
        typeof(LowerCaseName<WavePolicy>), typeof(LowerCaseName<BootCheck>), typeof(LowerCaseName<AuditScope>), typeof(LowerCaseName<ReadBackScope>), typeof(LowerCaseName<ProviderType>), typeof(LowerCaseName<NetworkType>),
    ],
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ProviderDocument))]
[JsonSerializable(typeof(StorageMapDocument))]
[JsonSerializable(typeof(NetworkMapDocument))]
[JsonSerializable(typeof(HookDocument))]
[JsonSerializable(typeof(PlanDocument))]
[JsonSerializable(typeof(MigrationDocument))]
[JsonSerializable(typeof(string))]
internal sealed partial class DocumentJson : JsonSerializerContext;
