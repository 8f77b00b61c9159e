using System.Text.Json.Serialization;
using Sealift.Guests;
using Sealift.Guests.Boot;
using Sealift.Migrations.Steps;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>How the results of steps are kept in the journal.</summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SourceMachine))]
[JsonSerializable(typeof(PreflightResult))]
[JsonSerializable(typeof(GuestReport))]
[JsonSerializable(typeof(PassRecord))]
[JsonSerializable(typeof(PrecopyStepResult))]
[JsonSerializable(typeof(CutoverStepResult))]
[JsonSerializable(typeof(CopyStepResult))]
[JsonSerializable(typeof(ReadBackStepResult))]
[JsonSerializable(typeof(ConvertStepResult))]
[JsonSerializable(typeof(CommitStepResult))]
[JsonSerializable(typeof(BootReport))]
[JsonSerializable(typeof(GateDecision))]
[JsonSerializable(typeof(HandOverStepResult))]
[JsonSerializable(typeof(SealStepResult))]
internal sealed partial class JournalJson : JsonSerializerContext;
