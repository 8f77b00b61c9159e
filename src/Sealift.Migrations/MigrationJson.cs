using System.Text.Json.Serialization;
using Sealift.Disks;
using Sealift.Guests;
using Sealift.Migrations.Seals;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>How requests, events, outcomes and forecasts are written as JSON, without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    Converters =
    [
        typeof(LowerCaseName<Verdict>), typeof(LowerCaseName<MigrationState>), typeof(LowerCaseName<StepState>), typeof(LowerCaseName<FindingSeverity>),
        typeof(LowerCaseName<ImageFormat>), typeof(LowerCaseName<Firmware>), typeof(LowerCaseName<DiskBus>), typeof(LowerCaseName<NicModel>), typeof(LowerCaseName<BootCheck>), typeof(LowerCaseName<AuditScope>),
    ],
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(MigrationRequest))]
[JsonSerializable(typeof(MigrationEvent))]
[JsonSerializable(typeof(StageReport))]
[JsonSerializable(typeof(MigrationOutcome))]
[JsonSerializable(typeof(MigrationForecast))]
[JsonSerializable(typeof(MigrationSummary))]
[JsonSerializable(typeof(MigrationDetails))]
[JsonSerializable(typeof(IReadOnlyList<MigrationSummary>))]
public sealed partial class MigrationJson : JsonSerializerContext;
