"""Tables of the attributes in which a person's data are planted.

In the texts, {word} is a word that occurs nowhere else, and the other names are those of `Identity`.
"""

TEXTS: tuple[tuple[str, str], ...] = (
    ("PatientName", "{family}^{given}^{word}"),
    ("PatientBirthName", "{family}^{given}^{word}"),
    ("PatientMotherBirthName", "{family}^Maud^{word}"),
    ("OtherPatientNames", "{word}^{given}"),
    ("ReferringPhysicianName", "{doctor}^Ann^{word}"),
    ("ConsultingPhysicianName", "{doctor}^Bob^{word}"),
    ("PhysiciansOfRecord", "{doctor}^Cid^{word}"),
    ("PerformingPhysicianName", "{doctor}^Dan^{word}"),
    ("NameOfPhysiciansReadingStudy", "{doctor}^Eve^{word}"),
    ("RequestingPhysician", "{doctor}^Fay^{word}"),
    ("OperatorsName", "{word}^Gus"),
    ("ResponsiblePerson", "{family}^Hal^{word}"),
    ("ReviewerName", "{doctor}^Ida^{word}"),
    ("ScheduledPerformingPhysicianName", "{doctor}^Jo^{word}"),
    ("IssuerOfPatientID", "{institution} {word}"),
    ("OtherPatientIDs", "{word}"),
    ("PatientAddress", "1 {word} Lane, {town}"),
    ("PatientTelephoneNumbers", "{word}"),
    ("PatientTelecomInformation", "{family}@{word}.example"),
    ("RegionOfResidence", "{town} {word}"),
    ("CountryOfResidence", "{word}land"),
    ("PatientInstitutionResidence", "{institution} {word}"),
    ("MilitaryRank", "{word}"),
    ("BranchOfService", "{word}"),
    ("Occupation", "Mayor {word}"),
    ("EthnicGroup", "{word}"),
    ("PatientReligiousPreference", "{word}"),
    ("PatientComments", "Son of {family}, see {patient_id} {word}"),
    ("AdditionalPatientHistory", "{given} {family} fell off a swan. {word}"),
    ("MedicalAlerts", "{word}"),
    ("Allergies", "{word}"),
    ("SpecialNeeds", "{word}"),
    ("PatientState", "{word}"),
    ("MedicalRecordLocator", "{word}"),
    ("InsurancePlanIdentification", "{word}"),
    ("ResponsibleOrganization", "{institution} {word}"),
    ("AccessionNumber", "{word}"),
    ("StudyID", "{word}"),
    ("AdmissionID", "{word}"),
    ("ServiceEpisodeID", "{word}"),
    ("CurrentPatientLocation", "Ward {word}"),
    ("AdmittingDiagnosesDescription", "{family} syndrome {word}"),
    ("RequestingService", "{word}"),
    ("InstitutionName", "{institution} {word}"),
    ("InstitutionAddress", "2 {word} Street, {town}"),
    ("InstitutionalDepartmentName", "Radiology {word}"),
    ("StationName", "{word}"),
    ("DeviceSerialNumber", "{word}"),
    ("DeviceDescription", "{word}"),
    ("GantryID", "{word}"),
    ("DetectorID", "{word}"),
    ("PlateID", "{word}"),
    ("CassetteID", "{word}"),
    ("StudyDescription", "CT of {family} {word}"),
    ("SeriesDescription", "Arterial, {given} {word}"),
    ("ProtocolName", "{doctor} protocol {word}"),
    ("PerformedProcedureStepID", "{word}"),
    ("PerformedProcedureStepDescription", "Scan of {family} {word}"),
    ("PerformedStationName", "{word}"),
    ("PerformedLocation", "{word}"),
    ("CommentsOnThePerformedProcedureStep", "{family} was late {word}"),
    ("RequestedProcedureDescription", "For {doctor} {word}"),
    ("RequestedProcedureComments", "Ring Mrs {family} {word}"),
    ("ReasonForStudy", "{family} coughs {word}"),
    ("ImageComments", "Held by {given} {family} {word}"),
    ("FrameComments", "{word}"),
    ("DerivationDescription", "Reformatted by {doctor} {word}"),
    ("AcquisitionDeviceProcessingDescription", "{family} {word}"),
    ("AcquisitionProtocolDescription", "{doctor} {word}"),
    ("ContrastBolusAgent", "{word}"),
    ("ContentCreatorName", "{doctor}^Kim^{word}"),
    ("DocumentTitle", "Letter about {family} {word}"),
    # Retired, and still met.
    ("IdentifyingComments", "{family} {word}"),
    ("StudyComments", "{family} {word}"),
    ("AcquisitionComments", "{family} {word}"),
    ("InterpretationText", "{family} is well {word}"),
    ("Impressions", "{family} {word}"),
    ("TextComments", "{family} {word}"),
    # Technical, and without an action in PS3.15's table of attributes: free text gets in all the same.
    ("ConvolutionKernel", "{word}"),
    ("FilterType", "{word}"),
    ("ManufacturerModelName", "Ellipsoid of {doctor} {word}"),
    ("SoftwareVersions", "{word}"),
    ("PulseSequenceName", "{word}"),
    # Titles of applications, and an address on the web.
    ("RetrieveAETitle", "{word}"),
    ("StationAETitle", "{word}"),
    ("ScheduledStationAETitle", "{word}"),
    ("PerformedStationAETitle", "{word}"),
    ("RetrieveURL", "https://{word}.example/studies/{patient_id}"),
    ("RetrieveURI", "https://{word}.example/?patient={patient_id}"),
)
"""Keyword and text, on the first level."""

NESTED: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("OtherPatientIDsSequence",), "PatientID", "{word}"),
    (("OtherPatientIDsSequence",), "IssuerOfPatientID", "{institution} {word}"),
    (("RequestAttributesSequence",), "ScheduledProcedureStepDescription", "For {family} {word}"),
    (("RequestAttributesSequence",), "RequestedProcedureID", "{word}"),
    (("RequestAttributesSequence", "ScheduledProtocolCodeSequence"), "CodeMeaning", "{doctor} {word}"),
    (
        ("RequestAttributesSequence", "ScheduledProtocolCodeSequence", "ProtocolContextSequence"),
        "TextValue",
        "{given} {family} {word}",
    ),
    (("ContributingEquipmentSequence",), "InstitutionName", "{institution} {word}"),
    (("ContributingEquipmentSequence",), "OperatorsName", "{word}^Lou"),
    (("ContributingEquipmentSequence",), "ContributionDescription", "Touched by {doctor} {word}"),
    (("ReferringPhysicianIdentificationSequence",), "PersonAddress", "3 {word} Road"),
    (
        ("ReferringPhysicianIdentificationSequence", "PersonIdentificationCodeSequence"),
        "CodeMeaning",
        "{doctor} {word}",
    ),
    (
        ("ReferringPhysicianIdentificationSequence", "InstitutionCodeSequence"),
        "CodeMeaning",
        "{institution} {word}",
    ),
    (("OperatorIdentificationSequence", "PersonIdentificationCodeSequence"), "CodeValue", "{word}"),
    (("PatientInsurancePlanCodeSequence",), "CodeMeaning", "{word}"),
    (("ProcedureCodeSequence",), "CodeMeaning", "{family} {word}"),
    (("ReferencedStudySequence",), "StudyDescription", "{word}"),
    (("ReferencedPatientSequence",), "PatientID", "{word}"),
    (("OriginalAttributesSequence", "ModifiedAttributesSequence"), "PatientName", "{family}^{word}"),
    (("OriginalAttributesSequence", "ModifiedAttributesSequence"), "PatientID", "{word}"),
    (("OriginalAttributesSequence",), "SourceOfPreviousValues", "{word}"),
    (("ContentSequence",), "TextValue", "{given} {family}, seen by {doctor} {word}"),
    (("ContentSequence", "ContentSequence"), "PersonName", "{family}^{given}^{word}"),
    (("ContentSequence", "ContentSequence", "ContentSequence"), "TextValue", "{family} {word}"),
    (
        ("VerifyingObserverSequence", "VerifyingObserverIdentificationCodeSequence"),
        "CodeMeaning",
        "{doctor} {word}",
    ),
    (("VerifyingObserverSequence",), "VerifyingObserverName", "{doctor}^Mia^{word}"),
    (("SpecimenDescriptionSequence",), "SpecimenIdentifier", "{word}"),
)
"""Keywords of the sequences around, keyword, and text."""

DATES: tuple[tuple[str, int], ...] = (
    ("StudyDate", 0),
    ("SeriesDate", 0),
    ("AcquisitionDate", 0),
    ("ContentDate", 0),
    ("InstanceCreationDate", 1),
    ("AdmittingDate", -2),
    ("ScheduledProcedureStepStartDate", -1),
    ("PerformedProcedureStepStartDate", 0),
    ("PerformedProcedureStepEndDate", 0),
    ("LastMenstrualDate", -20),
    ("DateOfLastCalibration", -40),
)
"""Keyword, and days after the study."""

TIMES: tuple[tuple[str, str], ...] = (
    ("StudyTime", "081733.110417"),
    ("SeriesTime", "081802.220417"),
    ("AcquisitionTime", "081829.330417"),
    ("ContentTime", "081911.440417"),
    ("InstanceCreationTime", "082007.550417"),
    ("PatientBirthTime", "041356.660417"),
    ("PerformedProcedureStepStartTime", "081648.770417"),
)
"""Keyword and time of day, to the microsecond: they tell a study as well as a number does."""

MISFITS: tuple[tuple[str, str], ...] = (
    ("PatientWeight", "{word}"),  # DS
    ("ExposureTime", "{word}"),  # IS
    ("PatientSex", "M {word}"),  # CS
    ("BodyPartExamined", "{word}"),  # CS
    ("TimeOfSecondaryCapture", "{word}"),  # TM
    ("DateOfSecondaryCapture", "{word}"),  # DA
    ("TriggerTime", "{word}"),  # DS
)
"""Keyword and text that the keyword's value representation does not allow."""
