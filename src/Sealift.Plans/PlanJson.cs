using System.Text.Json.Serialization;
using Sealift.Disks;
using Sealift.Guests;
using Sealift.Migrations;
using Sealift.Migrations.Seals;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;
using Sealift.Providers;

namespace Sealift.Plans;

/// <summary>How runs, reports and orders are written as JSON, without reflection; documents within them with all their fields.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    Converters =
    [
        typeof(DocumentConverter), typeof(LowerCaseName<PlanRunState>), typeof(LowerCaseName<MachineRunState>), typeof(LowerCaseName<RunOrderKind>), typeof(LowerCaseName<HookState>), typeof(LowerCaseName<HookStep>), typeof(LowerCaseName<WaitKind>), typeof(LowerCaseName<Verdict>), typeof(LowerCaseName<FindingSeverity>),
        typeof(LowerCaseName<ImageFormat>), typeof(LowerCaseName<Firmware>), typeof(LowerCaseName<DiskBus>), typeof(LowerCaseName<NicModel>),
    ],
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PlanRun))]
[JsonSerializable(typeof(MachineRun))]
[JsonSerializable(typeof(IReadOnlyList<MachineRun>))]
[JsonSerializable(typeof(RunOrder))]
[JsonSerializable(typeof(StoredDocument))]
[JsonSerializable(typeof(IReadOnlyList<Document>))]
[JsonSerializable(typeof(PlanReport))]
[JsonSerializable(typeof(RunNews))]
public sealed partial class PlanJson : JsonSerializerContext;
