/* Written by scripts/ec2_shapes from botocore 1.44.5's model of EC2 (2016-11-15): names in XML, names as AWS CLI v2
 * prints them, kinds. Members stand in the model's order, which is the CLI's.
 */
#include "aws/ec2_shapes.h"

#include <stddef.h>

// clang-format off
static const struct aws_ec2_member shape_OperatorResponse[] = {
    {"managed", "Managed", AWS_EC2_BOOLEAN, NULL},
    {"principal", "Principal", AWS_EC2_STRING, NULL},
    {"hiddenByDefault", "HiddenByDefault", AWS_EC2_BOOLEAN, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_EbsInstanceBlockDevice[] = {
    {"attachTime", "AttachTime", AWS_EC2_TIME, NULL},
    {"deleteOnTermination", "DeleteOnTermination", AWS_EC2_BOOLEAN, NULL},
    {"status", "Status", AWS_EC2_STRING, NULL},
    {"volumeId", "VolumeId", AWS_EC2_STRING, NULL},
    {"associatedResource", "AssociatedResource", AWS_EC2_STRING, NULL},
    {"volumeOwnerId", "VolumeOwnerId", AWS_EC2_STRING, NULL},
    {"operator", "Operator", AWS_EC2_STRUCTURE, shape_OperatorResponse},
    {"ebsCardIndex", "EbsCardIndex", AWS_EC2_INTEGER, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceBlockDeviceMapping[] = {
    {"deviceName", "DeviceName", AWS_EC2_STRING, NULL},
    {"ebs", "Ebs", AWS_EC2_STRUCTURE, shape_EbsInstanceBlockDevice},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_IamInstanceProfile[] = {
    {"arn", "Arn", AWS_EC2_STRING, NULL},
    {"id", "Id", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_ElasticGpuAssociation[] = {
    {"elasticGpuId", "ElasticGpuId", AWS_EC2_STRING, NULL},
    {"elasticGpuAssociationId", "ElasticGpuAssociationId", AWS_EC2_STRING, NULL},
    {"elasticGpuAssociationState", "ElasticGpuAssociationState", AWS_EC2_STRING, NULL},
    {"elasticGpuAssociationTime", "ElasticGpuAssociationTime", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_ElasticInferenceAcceleratorAssociation[] = {
    {"elasticInferenceAcceleratorArn", "ElasticInferenceAcceleratorArn", AWS_EC2_STRING, NULL},
    {"elasticInferenceAcceleratorAssociationId", "ElasticInferenceAcceleratorAssociationId", AWS_EC2_STRING, NULL},
    {"elasticInferenceAcceleratorAssociationState", "ElasticInferenceAcceleratorAssociationState", AWS_EC2_STRING, NULL},
    {"elasticInferenceAcceleratorAssociationTime", "ElasticInferenceAcceleratorAssociationTime", AWS_EC2_TIME, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceNetworkInterfaceAssociation[] = {
    {"carrierIp", "CarrierIp", AWS_EC2_STRING, NULL},
    {"customerOwnedIp", "CustomerOwnedIp", AWS_EC2_STRING, NULL},
    {"ipOwnerId", "IpOwnerId", AWS_EC2_STRING, NULL},
    {"publicDnsName", "PublicDnsName", AWS_EC2_STRING, NULL},
    {"publicIp", "PublicIp", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceAttachmentEnaSrdUdpSpecification[] = {
    {"enaSrdUdpEnabled", "EnaSrdUdpEnabled", AWS_EC2_BOOLEAN, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceAttachmentEnaSrdSpecification[] = {
    {"enaSrdEnabled", "EnaSrdEnabled", AWS_EC2_BOOLEAN, NULL},
    {"enaSrdUdpSpecification", "EnaSrdUdpSpecification", AWS_EC2_STRUCTURE, shape_InstanceAttachmentEnaSrdUdpSpecification},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceNetworkInterfaceAttachment[] = {
    {"attachTime", "AttachTime", AWS_EC2_TIME, NULL},
    {"attachmentId", "AttachmentId", AWS_EC2_STRING, NULL},
    {"deleteOnTermination", "DeleteOnTermination", AWS_EC2_BOOLEAN, NULL},
    {"deviceIndex", "DeviceIndex", AWS_EC2_INTEGER, NULL},
    {"status", "Status", AWS_EC2_STRING, NULL},
    {"networkCardIndex", "NetworkCardIndex", AWS_EC2_INTEGER, NULL},
    {"enaSrdSpecification", "EnaSrdSpecification", AWS_EC2_STRUCTURE, shape_InstanceAttachmentEnaSrdSpecification},
    {"enaQueueCount", "EnaQueueCount", AWS_EC2_INTEGER, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_GroupIdentifier[] = {
    {"groupId", "GroupId", AWS_EC2_STRING, NULL},
    {"groupName", "GroupName", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceIpv6Address[] = {
    {"ipv6Address", "Ipv6Address", AWS_EC2_STRING, NULL},
    {"isPrimaryIpv6", "IsPrimaryIpv6", AWS_EC2_BOOLEAN, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstancePrivateIpAddress[] = {
    {"association", "Association", AWS_EC2_STRUCTURE, shape_InstanceNetworkInterfaceAssociation},
    {"primary", "Primary", AWS_EC2_BOOLEAN, NULL},
    {"privateDnsName", "PrivateDnsName", AWS_EC2_STRING, NULL},
    {"privateIpAddress", "PrivateIpAddress", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceIpv4Prefix[] = {
    {"ipv4Prefix", "Ipv4Prefix", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceIpv6Prefix[] = {
    {"ipv6Prefix", "Ipv6Prefix", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_ConnectionTrackingSpecificationResponse[] = {
    {"tcpEstablishedTimeout", "TcpEstablishedTimeout", AWS_EC2_INTEGER, NULL},
    {"udpStreamTimeout", "UdpStreamTimeout", AWS_EC2_INTEGER, NULL},
    {"udpTimeout", "UdpTimeout", AWS_EC2_INTEGER, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceNetworkInterface[] = {
    {"association", "Association", AWS_EC2_STRUCTURE, shape_InstanceNetworkInterfaceAssociation},
    {"attachment", "Attachment", AWS_EC2_STRUCTURE, shape_InstanceNetworkInterfaceAttachment},
    {"description", "Description", AWS_EC2_STRING, NULL},
    {"groupSet", "Groups", AWS_EC2_STRUCTURES, shape_GroupIdentifier},
    {"ipv6AddressesSet", "Ipv6Addresses", AWS_EC2_STRUCTURES, shape_InstanceIpv6Address},
    {"macAddress", "MacAddress", AWS_EC2_STRING, NULL},
    {"networkInterfaceId", "NetworkInterfaceId", AWS_EC2_STRING, NULL},
    {"ownerId", "OwnerId", AWS_EC2_STRING, NULL},
    {"privateDnsName", "PrivateDnsName", AWS_EC2_STRING, NULL},
    {"privateIpAddress", "PrivateIpAddress", AWS_EC2_STRING, NULL},
    {"privateIpAddressesSet", "PrivateIpAddresses", AWS_EC2_STRUCTURES, shape_InstancePrivateIpAddress},
    {"sourceDestCheck", "SourceDestCheck", AWS_EC2_BOOLEAN, NULL},
    {"status", "Status", AWS_EC2_STRING, NULL},
    {"subnetId", "SubnetId", AWS_EC2_STRING, NULL},
    {"vpcId", "VpcId", AWS_EC2_STRING, NULL},
    {"interfaceType", "InterfaceType", AWS_EC2_STRING, NULL},
    {"ipv4PrefixSet", "Ipv4Prefixes", AWS_EC2_STRUCTURES, shape_InstanceIpv4Prefix},
    {"ipv6PrefixSet", "Ipv6Prefixes", AWS_EC2_STRUCTURES, shape_InstanceIpv6Prefix},
    {"connectionTrackingConfiguration", "ConnectionTrackingConfiguration", AWS_EC2_STRUCTURE, shape_ConnectionTrackingSpecificationResponse},
    {"operator", "Operator", AWS_EC2_STRUCTURE, shape_OperatorResponse},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_StateReason[] = {
    {"code", "Code", AWS_EC2_STRING, NULL},
    {"message", "Message", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_Tag[] = {
    {"key", "Key", AWS_EC2_STRING, NULL},
    {"value", "Value", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_CpuOptions[] = {
    {"coreCount", "CoreCount", AWS_EC2_INTEGER, NULL},
    {"threadsPerCore", "ThreadsPerCore", AWS_EC2_INTEGER, NULL},
    {"amdSevSnp", "AmdSevSnp", AWS_EC2_STRING, NULL},
    {"nestedVirtualization", "NestedVirtualization", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_CapacityReservationTargetResponse[] = {
    {"capacityReservationId", "CapacityReservationId", AWS_EC2_STRING, NULL},
    {"capacityReservationResourceGroupArn", "CapacityReservationResourceGroupArn", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_CapacityReservationSpecificationResponse[] = {
    {"capacityReservationPreference", "CapacityReservationPreference", AWS_EC2_STRING, NULL},
    {"capacityReservationTarget", "CapacityReservationTarget", AWS_EC2_STRUCTURE, shape_CapacityReservationTargetResponse},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_HibernationOptions[] = {
    {"configured", "Configured", AWS_EC2_BOOLEAN, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_LicenseConfiguration[] = {
    {"licenseConfigurationArn", "LicenseConfigurationArn", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceMetadataOptionsResponse[] = {
    {"state", "State", AWS_EC2_STRING, NULL},
    {"httpTokens", "HttpTokens", AWS_EC2_STRING, NULL},
    {"httpPutResponseHopLimit", "HttpPutResponseHopLimit", AWS_EC2_INTEGER, NULL},
    {"httpEndpoint", "HttpEndpoint", AWS_EC2_STRING, NULL},
    {"httpProtocolIpv6", "HttpProtocolIpv6", AWS_EC2_STRING, NULL},
    {"instanceMetadataTags", "InstanceMetadataTags", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_EnclaveOptions[] = {
    {"enabled", "Enabled", AWS_EC2_BOOLEAN, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_PrivateDnsNameOptionsResponse[] = {
    {"hostnameType", "HostnameType", AWS_EC2_STRING, NULL},
    {"enableResourceNameDnsARecord", "EnableResourceNameDnsARecord", AWS_EC2_BOOLEAN, NULL},
    {"enableResourceNameDnsAAAARecord", "EnableResourceNameDnsAAAARecord", AWS_EC2_BOOLEAN, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceMaintenanceOptions[] = {
    {"autoRecovery", "AutoRecovery", AWS_EC2_STRING, NULL},
    {"rebootMigration", "RebootMigration", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceNetworkPerformanceOptions[] = {
    {"bandwidthWeighting", "BandwidthWeighting", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceSecondaryInterfaceAttachment[] = {
    {"attachTime", "AttachTime", AWS_EC2_TIME, NULL},
    {"attachmentId", "AttachmentId", AWS_EC2_STRING, NULL},
    {"deleteOnTermination", "DeleteOnTermination", AWS_EC2_BOOLEAN, NULL},
    {"deviceIndex", "DeviceIndex", AWS_EC2_INTEGER, NULL},
    {"status", "Status", AWS_EC2_STRING, NULL},
    {"networkCardIndex", "NetworkCardIndex", AWS_EC2_INTEGER, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceSecondaryInterfacePrivateIpAddress[] = {
    {"privateIpAddress", "PrivateIpAddress", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceSecondaryInterface[] = {
    {"attachment", "Attachment", AWS_EC2_STRUCTURE, shape_InstanceSecondaryInterfaceAttachment},
    {"macAddress", "MacAddress", AWS_EC2_STRING, NULL},
    {"secondaryInterfaceId", "SecondaryInterfaceId", AWS_EC2_STRING, NULL},
    {"ownerId", "OwnerId", AWS_EC2_STRING, NULL},
    {"privateIpAddressSet", "PrivateIpAddresses", AWS_EC2_STRUCTURES, shape_InstanceSecondaryInterfacePrivateIpAddress},
    {"sourceDestCheck", "SourceDestCheck", AWS_EC2_BOOLEAN, NULL},
    {"status", "Status", AWS_EC2_STRING, NULL},
    {"secondarySubnetId", "SecondarySubnetId", AWS_EC2_STRING, NULL},
    {"secondaryNetworkId", "SecondaryNetworkId", AWS_EC2_STRING, NULL},
    {"interfaceType", "InterfaceType", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_InstanceState[] = {
    {"code", "Code", AWS_EC2_INTEGER, NULL},
    {"name", "Name", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_ProductCode[] = {
    {"productCode", "ProductCodeId", AWS_EC2_STRING, NULL},
    {"type", "ProductCodeType", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_Placement[] = {
    {"availabilityZoneId", "AvailabilityZoneId", AWS_EC2_STRING, NULL},
    {"affinity", "Affinity", AWS_EC2_STRING, NULL},
    {"groupName", "GroupName", AWS_EC2_STRING, NULL},
    {"partitionNumber", "PartitionNumber", AWS_EC2_INTEGER, NULL},
    {"hostId", "HostId", AWS_EC2_STRING, NULL},
    {"tenancy", "Tenancy", AWS_EC2_STRING, NULL},
    {"spreadDomain", "SpreadDomain", AWS_EC2_STRING, NULL},
    {"hostResourceGroupArn", "HostResourceGroupArn", AWS_EC2_STRING, NULL},
    {"groupId", "GroupId", AWS_EC2_STRING, NULL},
    {"availabilityZone", "AvailabilityZone", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

static const struct aws_ec2_member shape_Monitoring[] = {
    {"metricCategoryIdSet", "MetricCategoryIds", AWS_EC2_STRINGS, NULL},
    {"state", "State", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};

const struct aws_ec2_member aws_ec2_instance[] = {
    {"architecture", "Architecture", AWS_EC2_STRING, NULL},
    {"blockDeviceMapping", "BlockDeviceMappings", AWS_EC2_STRUCTURES, shape_InstanceBlockDeviceMapping},
    {"clientToken", "ClientToken", AWS_EC2_STRING, NULL},
    {"ebsOptimized", "EbsOptimized", AWS_EC2_BOOLEAN, NULL},
    {"enaSupport", "EnaSupport", AWS_EC2_BOOLEAN, NULL},
    {"hypervisor", "Hypervisor", AWS_EC2_STRING, NULL},
    {"iamInstanceProfile", "IamInstanceProfile", AWS_EC2_STRUCTURE, shape_IamInstanceProfile},
    {"instanceLifecycle", "InstanceLifecycle", AWS_EC2_STRING, NULL},
    {"elasticGpuAssociationSet", "ElasticGpuAssociations", AWS_EC2_STRUCTURES, shape_ElasticGpuAssociation},
    {"elasticInferenceAcceleratorAssociationSet", "ElasticInferenceAcceleratorAssociations", AWS_EC2_STRUCTURES, shape_ElasticInferenceAcceleratorAssociation},
    {"networkInterfaceSet", "NetworkInterfaces", AWS_EC2_STRUCTURES, shape_InstanceNetworkInterface},
    {"outpostArn", "OutpostArn", AWS_EC2_STRING, NULL},
    {"rootDeviceName", "RootDeviceName", AWS_EC2_STRING, NULL},
    {"rootDeviceType", "RootDeviceType", AWS_EC2_STRING, NULL},
    {"groupSet", "SecurityGroups", AWS_EC2_STRUCTURES, shape_GroupIdentifier},
    {"sourceDestCheck", "SourceDestCheck", AWS_EC2_BOOLEAN, NULL},
    {"spotInstanceRequestId", "SpotInstanceRequestId", AWS_EC2_STRING, NULL},
    {"sriovNetSupport", "SriovNetSupport", AWS_EC2_STRING, NULL},
    {"stateReason", "StateReason", AWS_EC2_STRUCTURE, shape_StateReason},
    {"tagSet", "Tags", AWS_EC2_STRUCTURES, shape_Tag},
    {"virtualizationType", "VirtualizationType", AWS_EC2_STRING, NULL},
    {"cpuOptions", "CpuOptions", AWS_EC2_STRUCTURE, shape_CpuOptions},
    {"capacityBlockId", "CapacityBlockId", AWS_EC2_STRING, NULL},
    {"capacityReservationId", "CapacityReservationId", AWS_EC2_STRING, NULL},
    {"capacityReservationSpecification", "CapacityReservationSpecification", AWS_EC2_STRUCTURE, shape_CapacityReservationSpecificationResponse},
    {"hibernationOptions", "HibernationOptions", AWS_EC2_STRUCTURE, shape_HibernationOptions},
    {"licenseSet", "Licenses", AWS_EC2_STRUCTURES, shape_LicenseConfiguration},
    {"metadataOptions", "MetadataOptions", AWS_EC2_STRUCTURE, shape_InstanceMetadataOptionsResponse},
    {"enclaveOptions", "EnclaveOptions", AWS_EC2_STRUCTURE, shape_EnclaveOptions},
    {"bootMode", "BootMode", AWS_EC2_STRING, NULL},
    {"platformDetails", "PlatformDetails", AWS_EC2_STRING, NULL},
    {"usageOperation", "UsageOperation", AWS_EC2_STRING, NULL},
    {"usageOperationUpdateTime", "UsageOperationUpdateTime", AWS_EC2_TIME, NULL},
    {"privateDnsNameOptions", "PrivateDnsNameOptions", AWS_EC2_STRUCTURE, shape_PrivateDnsNameOptionsResponse},
    {"ipv6Address", "Ipv6Address", AWS_EC2_STRING, NULL},
    {"tpmSupport", "TpmSupport", AWS_EC2_STRING, NULL},
    {"maintenanceOptions", "MaintenanceOptions", AWS_EC2_STRUCTURE, shape_InstanceMaintenanceOptions},
    {"currentInstanceBootMode", "CurrentInstanceBootMode", AWS_EC2_STRING, NULL},
    {"networkPerformanceOptions", "NetworkPerformanceOptions", AWS_EC2_STRUCTURE, shape_InstanceNetworkPerformanceOptions},
    {"operator", "Operator", AWS_EC2_STRUCTURE, shape_OperatorResponse},
    {"secondaryInterfaceSet", "SecondaryInterfaces", AWS_EC2_STRUCTURES, shape_InstanceSecondaryInterface},
    {"instanceId", "InstanceId", AWS_EC2_STRING, NULL},
    {"imageId", "ImageId", AWS_EC2_STRING, NULL},
    {"instanceState", "State", AWS_EC2_STRUCTURE, shape_InstanceState},
    {"privateDnsName", "PrivateDnsName", AWS_EC2_STRING, NULL},
    {"dnsName", "PublicDnsName", AWS_EC2_STRING, NULL},
    {"reason", "StateTransitionReason", AWS_EC2_STRING, NULL},
    {"keyName", "KeyName", AWS_EC2_STRING, NULL},
    {"amiLaunchIndex", "AmiLaunchIndex", AWS_EC2_INTEGER, NULL},
    {"productCodes", "ProductCodes", AWS_EC2_STRUCTURES, shape_ProductCode},
    {"instanceType", "InstanceType", AWS_EC2_STRING, NULL},
    {"launchTime", "LaunchTime", AWS_EC2_TIME, NULL},
    {"placement", "Placement", AWS_EC2_STRUCTURE, shape_Placement},
    {"kernelId", "KernelId", AWS_EC2_STRING, NULL},
    {"ramdiskId", "RamdiskId", AWS_EC2_STRING, NULL},
    {"platform", "Platform", AWS_EC2_STRING, NULL},
    {"monitoring", "Monitoring", AWS_EC2_STRUCTURE, shape_Monitoring},
    {"subnetId", "SubnetId", AWS_EC2_STRING, NULL},
    {"vpcId", "VpcId", AWS_EC2_STRING, NULL},
    {"privateIpAddress", "PrivateIpAddress", AWS_EC2_STRING, NULL},
    {"ipAddress", "PublicIpAddress", AWS_EC2_STRING, NULL},
    {NULL, NULL, AWS_EC2_STRING, NULL},
};
// clang-format on
